"""Tables 1, 2 and 4 in small: the CFNN, its mean weights, the baseline and the frozen embedding in one command."""

import signal
import threading
import time

import pytest
from experiments import files

from zoo.recipes.experiments.experiment import find, resolve
from zoo.recipes.experiments.reproduce import merge, reproduce
from zoo.recipes.papers.coin_flipping import hypernet_depth
from zoo.recipes.reporting.results import read_results


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of a finished experiment."""
    out = tmp_path_factory.mktemp("hypernet")
    reproduce("hypernet-depth", out, budget="smoke", settings={"runs": str(out / "runs")})
    return out


def test_four_methods_from_three_trainings(out):
    rows = read_results(out / "results.jsonl")
    assert [row["method"] for row in rows] == ["cfnn", "cfnn", "deterministic", "frozen"]
    assert [(row["vote"], row["samples"]) for row in rows] == [
        ("majority", 5),
        ("expected", 1),
        ("none", 1),
        ("none", 1),
    ]
    assert all(row["accuracy"] == pytest.approx(100 * row["correct"] / row["n"]) for row in rows)
    (folder,) = (out / "runs").iterdir()
    assert files(folder) == ["cfnn", "deterministic", "frozen"]
    for method, vote in (("cfnn", "majority"), ("frozen", "none")):
        (trained,) = (row for row in read_results(folder / method / "results.jsonl") if row["vote"] == vote)
        assert trained["correct"] == next(row["correct"] for row in rows if row["method"] == method)
    table = (out / "table.md").read_text()
    assert all(name in table for name in ("cfnn", "average weight", "deterministic", "frozen"))
    assert (out / "figure.png").stat().st_size > 1000


def test_the_same_command_adds_nothing(out):
    before = (out / "results.jsonl").read_bytes()
    reproduce("hypernet-depth", out, budget="smoke", settings={"runs": str(out / "runs")})
    assert (out / "results.jsonl").read_bytes() == before


def taken(out, method):
    (folder,) = (out / "runs").glob(f"*/{method}")
    return str(folder)


def test_finished_runs_are_taken_over_and_not_repeated(out, tmp_path):
    chosen = {f"{method}_runs": [taken(out, method)] for method in ("cfnn", "deterministic", "frozen")}
    rows = reproduce("hypernet-depth", tmp_path, budget="smoke", settings=chosen, repetitions=3)
    before = read_results(out / "results.jsonl")
    for key in ("method", "vote", "correct"):
        assert [row[key] for row in rows] == [row[key] for row in before]
    assert [row["taken"] for row in rows] == [
        taken(out, method) for method in ("cfnn", "cfnn", "deterministic", "frozen")
    ]
    assert [row["epochs"] for row in rows] == [1] * 4
    assert all(row[f"run_{key}"] == before[0][key] for row in rows for key in ("versions", "machine"))


def test_other_numbers_of_flips_are_measured_again(out, tmp_path):
    chosen = {"methods": ["cfnn"], "cfnn_runs": [taken(out, "cfnn")], "flips": 3}
    rows = reproduce("hypernet-depth", tmp_path, budget="smoke", settings=chosen)
    assert [(row["method"], row["samples"]) for row in rows] == [("cfnn", 3), ("cfnn", 1)]
    assert rows[1]["correct"] == read_results(out / "results.jsonl")[1]["correct"]


def test_a_run_from_elsewhere_is_no_repetition_of_one_s_own(out, tmp_path):
    own = {"methods": ["deterministic"], "runs": str(out / "runs")}
    reproduce(
        "hypernet-depth",
        tmp_path,
        budget="smoke",
        settings={**own, "deterministic_runs": [taken(out, "deterministic")]},
    )
    rows = reproduce("hypernet-depth", tmp_path, budget="smoke", settings=own)
    assert [row["taken"] for row in rows] == [taken(out, "deterministic"), None]


def test_shards_put_together_have_every_row(out, tmp_path):
    settings = {"runs": str(out / "runs")}
    for shard in ("1/2", "2/2"):
        reproduce("hypernet-depth", tmp_path, budget="smoke", settings=settings, shard=shard)
    found, whole = merge("hypernet-depth", tmp_path), read_results(out / "results.jsonl")
    for key in ("method", "vote", "correct"):
        assert [row[key] for row in found] == [row[key] for row in whole]


@pytest.mark.parametrize(
    ("key", "run", "chosen", "message"),
    [
        ("cfnn_runs", "deterministic", {}, "`cfnn_runs` must be runs of hypernet_cfnn. Received: .* of hypernet_det"),
        ("cfnn_runs", "cfnn", {"methods": ["frozen"]}, "`cfnn_runs` must be empty where `methods` lacks 'cfnn'"),
        ("cfnn_runs", "cfnn", {"depths": [4]}, r"`cfnn_runs` must be runs of a depth of \[4\]. Received: .*, 2$"),
        ("cfnn_runs", "cfnn", {"data": "cifar10"}, "`cfnn_runs` must be runs with data='cifar10'. Received"),
        ("frozen_runs", "deterministic", {}, "`frozen_runs` must be runs of a frozen embedding"),
        ("deterministic_runs", "frozen", {}, "`deterministic_runs` must be runs whose embedding was trained"),
        ("cfnn_runs", "cfnn cfnn", {}, "`cfnn_runs` must be runs of different seeds"),
        ("cfnn_runs", "", {}, "`cfnn_runs` must be the folder of a run; there is no config.json"),
    ],
)
def test_other_runs_are_refused_before_anything_is_trained(out, tmp_path, key, run, chosen, message):
    runs = [taken(out, one) + "/." * twin for twin, one in enumerate(run.split())] or [str(tmp_path)]
    with pytest.raises(ValueError, match=message):
        reproduce("hypernet-depth", tmp_path / "out", budget="smoke", settings={key: runs, **chosen})
    assert not (tmp_path / "out").exists()


@pytest.mark.backend_free
def test_shards_that_want_the_same_training_wait_for_one_another(tmp_path, monkeypatch, capfd):
    busy, at_once, done = set(), [], []

    def train(recipe, folder, **_):
        at_once.extend({folder} & busy)
        busy.add(folder)
        time.sleep(0.2)
        busy.discard(folder)
        done.append(folder.name)
        return [{"vote": "none"}]

    monkeypatch.setattr(hypernet_depth, "train", train)
    settings = {**resolve(find("hypernet-depth"), "smoke", {}), "runs": str(tmp_path)}
    shards = [
        threading.Thread(target=hypernet_depth._train, args=(settings, {"depth": 2, "method": method}, 0, None))
        for method in ("cfnn", "frozen")
    ]
    for one in shards:
        one.start()
    for one in shards:
        one.join()
    assert (at_once, sorted(done)) == ([], ["cfnn", "cfnn", "frozen"])
    assert "cfnn" in done[: done.index("frozen")]
    assert "Waiting for" in capfd.readouterr().err


@pytest.mark.backend_free
def test_the_papers_budget():
    chosen = resolve(find("hypernet-depth"), "paper", {})
    assert (chosen["depths"], chosen["epochs"], chosen["repetitions"]) == ([2, 6, 10, 14, 20], 200, 3)
    assert resolve(find("hypernet-depth"), "paper", {"data": "cifar100"})["depths"] == [6, 10, 14, 20, 56]


def test_a_stopped_training_goes_on(out, tmp_path, zoo_command, stop_after):
    stop_after(5, lambda: signal.raise_signal(signal.SIGTERM))
    given = ("--out", tmp_path / "a", "--set", 'methods=["cfnn"]', "--set", f"runs={tmp_path / 'runs'}")
    code, printed, _ = zoo_command("reproduce", "hypernet-depth", "--budget", "smoke", *given)
    assert (code, "Go on with the same command." in printed) == (143, True)
    assert zoo_command("reproduce", "hypernet-depth", "--budget", "smoke", *given)[0] == 0
    rows = [read_results(folder / "results.jsonl")[0]["correct"] for folder in (out, tmp_path / "a")]
    assert rows[0] == rows[1]
