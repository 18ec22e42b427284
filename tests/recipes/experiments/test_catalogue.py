"""Lists of experiments and of the papers' tables and figures: complete, and counted from committed rows."""

import json

import pytest

from zoo.recipes.experiments import catalogue, committed, coverage
from zoo.recipes.experiments.committed import Committed
from zoo.recipes.experiments.coverage import PLACES, Covered, Place, covered
from zoo.recipes.experiments.experiment import find, names, resolve

pytestmark = pytest.mark.backend_free
EVERY = [place for places in PLACES.values() for place in places]


@pytest.fixture(scope="module")
def kept():
    """Committed rows; only a checkout has them."""
    found = committed.committed()
    if not found:
        pytest.skip("no checkout")
    return found


def test_every_experiment_is_listed_with_its_minutes_and_rows(kept, zoo_command):
    code, out, _ = zoo_command("reproduce", "--list")
    assert code == 0
    assert all(f"\n{name} " in out for name in names())
    (line,) = (line for line in out.splitlines() if line.startswith("cfnn-delta"))
    cells = [cell.strip() for cell in line.split("  ") if cell.strip()]
    minutes = ["not measured", "1.2", "not measured"]
    assert cells[1:-1] == ["appendices D to F, Figs. 7 to 9", "that of the models", *minutes]
    assert cells[-1] == "coin_flipping/results/cfnn-delta"


def test_minutes_are_those_of_the_committed_rows(kept):
    for one in kept:
        name = one.rows[0]["recipe"]
        if name not in names():
            continue
        experiment = find(name)
        for budget, settings in experiment.settings.items():
            took = committed.minutes(experiment, settings, one.rows)
            if took is not None:
                assert experiment.minutes[budget] == pytest.approx(took, rel=0.1, abs=0.02), (name, budget)


def test_every_place_has_a_command_that_resolves_or_a_reason(zoo_command):
    for place in EVERY:
        if place.experiment is None:
            assert place.note
            continue
        assert resolve(find(place.experiment), "paper", place.settings)
        assert covered(place, []).cells > 0
    code, out, _ = zoo_command("reproduce", "--coverage")
    assert code == 0
    assert all(f"\n{place.name} " in out for place in EVERY)
    assert "zoo reproduce cfnn-table3 --budget paper --set data=cifar100" in out


def test_every_experiment_of_a_figure_or_table_has_a_place():
    placed = {place.experiment for place in EVERY}
    assert {name for name in names() if any(word in find(name).paper for word in ("Fig", "Table"))} <= placed


def test_cells_are_counted_by_rows_and_by_their_settings():
    place = Place("Tables", "hypernet-depth")
    settings = resolve(find("hypernet-depth"), "paper", {})
    row = {"recipe": "hypernet-depth", "depth": 6, "repetition": 0, "settings": committed.fixed(settings)}
    short = {**row["settings"], "epochs": 40, "runs": "elsewhere"}
    rows = [{**row, "method": "cfnn"}, {**row, "method": "deterministic", "settings": short}]
    assert covered(place, [Committed("results/a", rows)]) == Covered(15, 2, 1)
    other = Place("Tables", "hypernet-depth", {"data": "cifar100"})
    assert covered(other, [Committed("results/a", rows)]) == Covered(15, 0, 0)


def test_without_a_checkout_there_are_no_columns_of_rows(monkeypatch, tmp_path):
    assert committed.committed(tmp_path / "none") == []
    monkeypatch.setattr(catalogue, "committed", list)
    monkeypatch.setattr(coverage, "committed", list)
    assert "rows committed" not in catalogue.catalogue()
    text = coverage.coverage()
    assert "run " not in text.split("\n")[2]
    assert "cells" in text


def test_folders_are_read_below_the_results_of_a_paper(tmp_path):
    folder = tmp_path / "paper/results/a/b"
    folder.mkdir(parents=True)
    (folder / "results.jsonl").write_text(json.dumps({"recipe": "x"}) + "\n")
    assert committed.committed(tmp_path) == [Committed("paper/results/a/b", [{"recipe": "x"}])]


@pytest.mark.parametrize("arguments", [(), ("cones",)])
def test_an_experiment_needs_a_name_and_a_folder(zoo_command, arguments):
    code, _, errors = zoo_command("reproduce", *arguments)
    assert code == 2
    assert ("--out" if arguments else "--list") in errors
