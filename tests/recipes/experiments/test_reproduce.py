"""Loop around an experiment: rows that are kept, skipped or refused; its runs are a line of arithmetic."""

import json
import math
import signal

import pytest
from experiments import register_only, stable

from zoo.recipes.experiments import experiment as registry
from zoo.recipes.experiments.experiment import Experiment, budgets, find, names, resolve
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.reporting.results import read_results

pytestmark = pytest.mark.backend_free
SETTINGS = {
    "methods": ["add", "multiply"],
    "depths": [1, 2, 3],
    "repetitions": 2,
    "rate": 0.5,
    "epochs": 4,
    "samples": 0,
    "data": "small",
    "bias": True,
    "width": 1,
}


@pytest.fixture
def runs(monkeypatch):
    """Runs that took place, (method, depth, seed), of the experiment `toy`, which is there for one test."""
    done = []

    def run(settings, point, seed, prepared):
        done.append((point["method"], point["depth"], seed))
        value = point["depth"] * settings["rate"] + (seed % 1000) / 1000 + prepared
        return [{"loss": value if settings["epochs"] < 9 else math.nan, "curve": [value, math.nan]}]

    toy = Experiment(
        "On Toys, section 1",
        budgets(SETTINGS, smoke={"depths": [1], "repetitions": 1}, paper={"epochs": 8}),
        points=lambda settings: [{"method": m, "depth": d} for d in settings["depths"] for m in settings["methods"]],
        run=run,
        report=lambda rows, out: (out / "table.md").write_text(str(len(rows))),
        prepare=lambda settings, data_dir: int(data_dir or 0),
        choices={"methods": ("add", "multiply"), "data": ("small", "large")},
        variants={"data": {"large": {"width": 7}}},
    )
    register_only(monkeypatch, toy=toy)
    monkeypatch.setattr("gc.collect", int)  # after every run it takes longer than these runs
    return done


def test_every_point_and_repetition_is_a_row(runs, tmp_path, capsys):
    rows = reproduce("toy", tmp_path, seed=3, data_dir="2")
    assert rows == read_results(tmp_path / "results.jsonl")
    found = [(row["repetition"], row["depth"], row["method"]) for row in rows]
    assert found == [(r, d, m) for r in (0, 1) for d in (1, 2, 3) for m in ("add", "multiply")]
    row = rows[0]
    assert row["recipe"] == "toy"
    assert row["seed"] == 3
    swept = ("methods", "depths", "repetitions")
    assert row["settings"] == {key: value for key, value in SETTINGS.items() if key not in swept}
    assert row["curve"] == [row["loss"], None]
    assert row["loss"] == 0.5 + (runs[0][2] % 1000) / 1000 + 2
    assert {"seconds", "backend", "versions", "machine", "command"} <= set(row)
    assert (tmp_path / "table.md").read_text() == "12"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert lines[0].startswith(f"[1/12] method add, depth 1, repetition 0: loss {row['loss']:.4g} (")
    assert len({seed for *_, seed in runs}) == 2  # one per repetition: methods and depths meet the same target


def test_a_row_keeps_its_point(runs, tmp_path, monkeypatch):
    toy = find("toy")._replace(run=lambda settings, point, seed, prepared: [{"method": "other"}])
    register_only(monkeypatch, toy=toy)
    with pytest.raises(ValueError, match=r"A row of 'toy' must keep 'method' of its point\. Received: 'other'"):
        reproduce("toy", tmp_path)
    assert not (tmp_path / "results.jsonl").exists()


def test_a_variant_leaves_what_a_budget_has_chosen():
    table3 = find("cfnn-table3")
    assert [resolve(table3, budget, {"data": "cifar100"})["train_flips"] for budget in ("smoke", "paper")] == [3, 125]


def test_an_interrupted_experiment_goes_on_and_ends_the_same(runs, tmp_path, monkeypatch):
    whole = reproduce("toy", tmp_path / "whole")
    first = list(runs)
    runs.clear()
    with monkeypatch.context() as patched:
        toy = registry._EXPERIMENTS["toy"]

        def run(*arguments):
            if len(runs) == 5:
                raise KeyboardInterrupt
            return toy.run(*arguments)

        patched.setitem(registry._EXPERIMENTS, "toy", toy._replace(run=run))
        with pytest.raises(KeyboardInterrupt):
            reproduce("toy", tmp_path / "cut")
    assert len(read_results(tmp_path / "cut/results.jsonl")) == 5
    assert not (tmp_path / "cut/table.md").exists()
    rows = reproduce("toy", tmp_path / "cut")
    assert runs == first
    assert stable(rows) == stable(whole)
    reproduce("toy", tmp_path / "cut")
    assert runs == first  # nothing was left to do


def test_a_folder_grows_by_repetitions_and_swept_values(runs, tmp_path):
    reproduce("toy", tmp_path, settings={"depths": [1], "methods": ["add"]}, repetitions=1)
    reproduce("toy", tmp_path, settings={"depths": [1, 2]}, repetitions=1)
    assert len(runs) == 4
    rows = reproduce("toy", tmp_path)
    assert len(runs) == len(rows) == 12
    whole = reproduce("toy", tmp_path.parent / "whole")
    by = lambda row: (row["repetition"], row["depth"], row["method"])  # noqa: E731
    assert sorted(stable(rows), key=by) == sorted(stable(whole), key=by)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"rate": 0.25}}, r"have rate=0\.5\. Received: rate=0\.25"),
        ({"settings": {"data": "large"}}, "have data='small'. Received: data='large'"),
        ({"seed": 1}, "have seed=0. Received: seed=1"),
        ({"budget": "paper"}, "have epochs=4. Received: epochs=8"),
    ],
)
def test_other_settings_in_the_same_folder_are_refused(runs, tmp_path, changes, message):
    reproduce("toy", tmp_path, repetitions=1)
    before = (tmp_path / "results.jsonl").read_text()
    with pytest.raises(ValueError, match=message):
        reproduce("toy", tmp_path, **changes)
    assert (tmp_path / "results.jsonl").read_text() == before


def test_other_results_in_the_folder_are_refused(runs, tmp_path):
    (tmp_path / "results.jsonl").write_text(json.dumps({"recipe": "resnet20", "accuracy": 1}) + "\n")
    with pytest.raises(ValueError, match=r"have recipe='resnet20'\. Received: recipe='toy'"):
        reproduce("toy", tmp_path)
    (tmp_path / "results.jsonl").write_text('{"recipe": "to\n{}\n')
    with pytest.raises(ValueError, match="`out` holds results that are damaged"):
        reproduce("toy", tmp_path)
    assert not runs


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_loses_the_current_run_only(runs, zoo_command, tmp_path, monkeypatch, number, expected):
    toy = registry._EXPERIMENTS["toy"]

    def run(*arguments):
        if len(runs) == 3:
            signal.raise_signal(number)
        return toy.run(*arguments)

    with monkeypatch.context() as patched:
        patched.setitem(registry._EXPERIMENTS, "toy", toy._replace(run=run))
        code, out, errors = zoo_command("reproduce", "toy", "--out", tmp_path / "out")
    assert code == expected
    assert out.splitlines()[-1].startswith(f"Stopped ({number.name})")
    assert not errors
    assert len(read_results(tmp_path / "out/results.jsonl")) == 3
    assert zoo_command("reproduce", "toy", "--out", tmp_path / "out")[0] == 0
    assert len(read_results(tmp_path / "out/results.jsonl")) == 12


def test_a_run_whose_last_row_is_half_written_is_made_again(runs, tmp_path, capsys):
    whole = reproduce("toy", tmp_path)
    path = tmp_path / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    capsys.readouterr()
    assert stable(reproduce("toy", tmp_path)) == stable(whole)
    assert capsys.readouterr().err == f"{path}: its last line is half-written; its run is made again\n"


def test_results_of_an_earlier_version_are_known_by_their_rows(runs, tmp_path):
    reproduce("toy", tmp_path)
    (tmp_path / "settings.json").unlink()
    with pytest.raises(ValueError, match=r"have seed=0\. Received: seed=1"):
        reproduce("toy", tmp_path, seed=1)
    assert not (tmp_path / "settings.json").exists()
    reproduce("toy", tmp_path)
    assert len(runs) == 12
    (tmp_path / "results.jsonl").unlink()
    with pytest.raises(ValueError, match=r"have seed=0\. Received: seed=1"):
        reproduce("toy", tmp_path, seed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "tox"}, r"Unknown experiment\. Did you mean 'toy'\? Allowed: toy"),
        ({"budget": "papers"}, "Did you mean 'paper'"),
        ({"settings": {"depht": [1]}}, "Unknown setting. Did you mean 'depths'"),
        ({"settings": {"seed": 3}}, "Unknown setting"),
        ({"settings": {"depths": 3}}, r"`depths` must be a list of different values, \[...\]. Received: depths=3"),
        ({"settings": {"depths": []}}, "`depths` must be a list"),
        ({"settings": {"depths": [2, 2]}}, "`depths` must be a list of different values"),
        ({"settings": {"depths": [2, 0]}}, "`depths` must be an int in"),
        ({"settings": {"methods": ["subtract"]}}, "`methods` must be one of 'add', 'multiply'"),
        ({"settings": {"data": "tiny"}}, "`data` must be one of 'small', 'large'"),
        ({"settings": {"data": ["small"]}}, "`data` must be one of"),
        ({"settings": {"rate": "fast"}}, "`rate` must be a number >= 0. Received: rate='fast'"),
        ({"settings": {"rate": -1}}, "`rate` must be a number >= 0"),
        ({"settings": {"epochs": 2.5}}, "`epochs` must be an int"),
        ({"settings": {"epochs": 0}}, "`epochs` must be an int"),
        ({"settings": {"samples": -1}}, "`samples` must be an int"),
        ({"settings": {"bias": "yes"}}, "`bias` must be true or false"),
        ({"settings": {"bias": 1}}, "`bias` must be true or false"),
        ({"repetitions": 0}, "`repetitions` must be an int"),
        ({"seed": -1}, "`seed` must be an int"),
    ],
)
def test_bad_input_is_refused_before_the_first_run(runs, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        reproduce(**{"name": "toy", "out": tmp_path / "out", **arguments})
    assert not runs
    assert not (tmp_path / "out").exists()


def test_a_setting_brings_those_that_go_with_it(runs):
    toy = find("toy")
    assert resolve(toy, "standard", {})["width"] == 1
    assert resolve(toy, "standard", {"data": "large"})["width"] == 7
    assert resolve(toy, "standard", {"data": "large", "width": 3})["width"] == 3
    assert resolve(toy, "standard", {"samples": 0, "rate": 1})["rate"] == 1


def test_a_training_that_diverged_has_no_number(runs, tmp_path, capsys):
    rows = reproduce("toy", tmp_path, budget="smoke", settings={"epochs": 9})
    assert {row["loss"] for row in rows} == {None}
    assert "NaN" not in (tmp_path / "results.jsonl").read_text()
    assert "repetition 0: diverged" in capsys.readouterr().out


def test_a_name_is_registered_once(runs):
    with pytest.raises(ValueError, match="name='toy'"):
        registry.register("toy", find("toy"))


def test_a_budget_changes_settings_that_there_are():
    found = budgets(SETTINGS, smoke={"epochs": 1}, standard={"epochs": 2, "width": 3})
    assert found == {
        "smoke": {**SETTINGS, "epochs": 1},
        "standard": {**SETTINGS, "epochs": 2, "width": 3},
        "paper": SETTINGS,
    }
    with pytest.raises(ValueError, match=r"Unknown setting\. Did you mean 'epochs'"):
        budgets(SETTINGS, smoke={}, paper={"epoch": 3})


@pytest.mark.parametrize("name", names())
def test_budgets_have_the_same_settings(name):
    settings = find(name).settings
    assert list(settings) == ["smoke", "standard", "paper"]
    assert len({frozenset(values) for values in settings.values()}) == 1
    kinds = [{key: type(value) for key, value in values.items()} for values in settings.values()]
    assert kinds[0] == kinds[1] == kinds[2]
