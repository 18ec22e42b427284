"""Tables 1, 2 and 4 in small: the CFNN, its mean weights, the baseline and the frozen embedding in one command."""

import signal
import threading
import time

import pytest
from experiments import files

from zoo.recipes.experiments.experiment import find, resolve
from zoo.recipes.experiments.reproduce import reproduce
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
    assert [row["method"] for row in rows] == ["cfnn", "average weight", "deterministic", "frozen"]
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
    assert all(row["method"] in table for row in rows)
    assert (out / "figure.png").stat().st_size > 1000


def test_the_same_command_adds_nothing(out):
    before = (out / "results.jsonl").read_bytes()
    reproduce("hypernet-depth", out, budget="smoke", settings={"runs": str(out / "runs")})
    assert (out / "results.jsonl").read_bytes() == before


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
