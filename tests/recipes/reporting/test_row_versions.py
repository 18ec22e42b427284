"""Rows of several versions: the line that says so, and that every table gets it."""

import pytest
from experiments import register_only

from zoo.recipes.experiments import planning as module
from zoo.recipes.experiments.experiment import Experiment
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.reporting.markdown import write
from zoo.recipes.reporting.row_versions import version_note

pytestmark = pytest.mark.backend_free


def row(zoo, keras="3.15", **more):
    return {"versions": {"coinflip-zoo": zoo, "keras": keras}, **more}


def test_one_version_needs_no_line():
    assert version_note([]) == version_note([row("1"), row("1"), {}]) == ""


def test_several_versions_are_named_and_counted():
    assert version_note([row("1"), row("2"), row("2")]).endswith(": coinflip-zoo 1 (1), 2 (2).")
    assert "keras 3.15 (1), 3.16 (1)" in version_note([row("1"), row("1", "3.16")])


def test_a_run_taken_over_counts_with_the_version_it_was_trained_with():
    taken = row("2", run_versions={"coinflip-zoo": "1", "keras": "3.15"})
    assert version_note([taken]).endswith(": coinflip-zoo 1 (1), 2 (1).")


@pytest.fixture
def toy(monkeypatch):
    """Experiment without anything to run."""
    settings = {"values": [1], "repetitions": 1}
    experiment = Experiment(
        "On Toys",
        dict.fromkeys(("smoke", "standard", "paper"), settings),
        points=lambda settings: [{"value": value} for value in settings["values"]],
        run=lambda settings, point, seed, prepared: [{"loss": 0.0}],
        report=lambda rows, out: write(out / "table.md", f"{len(rows)} rows"),
    )
    register_only(monkeypatch, toy=experiment)


def test_a_table_says_that_its_rows_are_of_several_versions(toy, tmp_path, monkeypatch, capsys):
    reproduce("toy", tmp_path)
    assert (tmp_path / "table.md").read_text() == "1 rows\n"
    before = module.environment()
    later = {**before, "versions": {**before["versions"], "coinflip-zoo": "99"}}
    monkeypatch.setattr(module, "environment", lambda: later)
    for _ in range(2):
        reproduce("toy", tmp_path, settings={"values": [1, 2]})
        table = (tmp_path / "table.md").read_text()
        assert table.startswith("2 rows\n\nRows of several versions")
        assert table.count("Rows of several versions") == 1
        assert "coinflip-zoo" in table
        assert "99 (1)" in table
        assert "Rows of several versions" in capsys.readouterr().out
