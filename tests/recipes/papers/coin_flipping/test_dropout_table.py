"""Table 3 of the dropout CFNN in small: two trainings under three tests, and runs from elsewhere in their place."""

import shutil
from pathlib import Path

import pytest
from experiments import cells

from zoo.recipes.experiments.experiment import find, resolve
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.papers.coin_flipping.dropout_report import PAPER, accuracy_table, write_report
from zoo.recipes.reporting.results import read_results


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of a finished experiment."""
    out = tmp_path_factory.mktemp("dropout")
    reproduce("cfnn-table3", out, budget="smoke", settings={"runs": str(out / "runs")})
    return out


def taken(out, training):
    (folder,) = (out / "runs").glob(f"*/{training}")
    return str(folder)


def test_two_trainings_under_three_tests(out):
    rows = read_results(out / "results.jsonl")
    assert [(row["training"], row["test"]) for row in rows] == list(PAPER["cifar10"])
    votes = [("expected", 1), ("mean", 5), ("majority", 5)]
    assert [(row["vote"], row["samples"]) for row in rows] == 2 * votes
    for training in ("standard", "majority"):
        own = read_results(f"{taken(out, training)}/results.jsonl")
        found = {row["vote"]: row["correct"] for row in rows if row["training"] == training}
        assert found == {row["vote"]: row["correct"] for row in own}
    table = (out / "table.md").read_text()
    assert all(f"{row['accuracy']:.2f}" in table and f"{row['correct']} of {row['n']}" in table for row in rows)
    assert "paper" not in table
    assert (out / "figure.png").stat().st_size > 1000


def test_finished_runs_are_taken_over_and_not_repeated(out, tmp_path):
    chosen = {f"{training}_runs": [taken(out, training)] for training in ("standard", "majority")}
    rows = reproduce("cfnn-table3", tmp_path, budget="smoke", settings=chosen, repetitions=3)
    before = read_results(out / "results.jsonl")
    assert [row["correct"] for row in rows] == [row["correct"] for row in before]
    assert {row["taken"] for row in rows} == {taken(out, "standard"), taken(out, "majority")}
    for key in ("versions", "machine", "command"):
        assert rows[0][f"run_{key}"] == before[0][key]


def test_a_copy_of_a_run_is_no_repetition(out, tmp_path):
    run = taken(out, "majority")
    shutil.copytree(run, tmp_path / "copy")
    chosen = {"majority_runs": [run, str(tmp_path / "copy")]}
    with pytest.raises(ValueError, match=rf"`majority_runs` must be runs of different.*'{run}' and '{tmp_path}/copy'"):
        reproduce("cfnn-table3", tmp_path / "out", budget="smoke", settings=chosen)


def test_other_numbers_of_flips_are_measured_again(out, tmp_path):
    chosen = {"trainings": ["majority"], "majority_runs": [taken(out, "majority")], "flips": 3}
    rows = reproduce("cfnn-table3", tmp_path, budget="smoke", settings=chosen)
    assert [(row["test"], row["samples"]) for row in rows] == [("standard", 1), ("mean", 3), ("majority", 3)]
    assert rows[0]["correct"] == read_results(out / "results.jsonl")[3]["correct"]


def test_published_weights_are_taken_over(tmp_path):
    chosen = {"trainings": ["majority"], "majority_runs": ["resnet20_cfnn:digits"], "depth": 20}
    rows = reproduce("cfnn-table3", tmp_path, budget="smoke", settings=chosen)
    assert all(row["accuracy"] > 95 and row["epochs"] is None for row in rows)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"standard_runs": ["none/such"]}, "`standard_runs` must be the folder of a run; there is no config.json"),
        ({"majority_runs": ["resnet20_cfnn:mnist"]}, "`majority_runs` must name published weights"),
        ({"majority_runs": ["resnet20_cfnn:digits"]}, "`majority_runs` must be runs with depth=8. Received"),
        ({"standard_runs": ["resnet20_cfnn:digits"]}, "`standard_runs` must be runs trained by one flip"),
        ({"majority_runs": ["hypernet_cfnn:cifar10"]}, "`majority_runs` must be runs of resnet20_cfnn or resnet20_dro"),
        ({"majority_runs": "runs/a"}, "`majority_runs` must be a list"),
        ({"majority_runs": [3]}, "`majority_runs` must be a text"),
        ({"depth": 9}, "`depth` must be"),
        ({"data": "svhn"}, "`data` must be one of"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_trained(tmp_path, chosen, message):
    with pytest.raises(ValueError, match=message):
        reproduce("cfnn-table3", tmp_path / "out", budget="smoke", settings=chosen)
    assert not (tmp_path / "out").exists()


def test_an_unfinished_run_is_refused(out, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.json").write_text((out / "results.jsonl").read_text())
    chosen = {"majority_runs": [str(tmp_path / "run")]}
    with pytest.raises(ValueError, match=r"`majority_runs` must be .* cannot be read"):
        reproduce("cfnn-table3", tmp_path / "out", budget="smoke", settings=chosen)
    for name in ("config.json", "results.jsonl"):
        shutil.copy(Path(taken(out, "majority")) / name, tmp_path / "run")
    with pytest.raises(ValueError, match="`majority_runs` must be a finished run"):
        reproduce("cfnn-table3", tmp_path / "out", budget="smoke", settings=chosen)


@pytest.mark.backend_free
def test_the_papers_numbers_stand_beside_ours(tmp_path):
    row = {"low": 0.88, "high": 0.9, "correct": 8900, "n": 10_000, "samples": 100, "epochs": 200}
    row |= {"settings": {"data": "cifar100", "depth": 20}, "training": "majority", "test": "majority"}
    rows = [{**row, "accuracy": 59.0}, {**row, "accuracy": 60.0}, {**row, "training": "standard", "accuracy": 51.0}]
    assert cells(accuracy_table(rows))[-1][4:] == [
        "2",
        "59.50 ± 0.71",
        "88.00 - 90.00",
        "8900+8900 of 10000",
        "60.16 ± 0.67",
        "-0.66",
    ]
    write_report(rows, tmp_path)
    assert (tmp_path / "figure.png").stat().st_size > 1000


@pytest.mark.backend_free
def test_the_papers_budget():
    experiment = find("cfnn-table3")
    chosen = resolve(experiment, "paper", {})
    assert [chosen[key] for key in ("data", "depth", "epochs", "train_flips", "repetitions")] == [
        "cifar10", 20, 200, 25, 3,
    ]  # fmt: skip
    assert resolve(experiment, "paper", {"data": "cifar100"})["train_flips"] == 125
