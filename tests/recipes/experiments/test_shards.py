"""Shards of an experiment: two processes make what one would, and one that was killed goes on."""

import json

import pytest
from experiments import files, register_only, stable

from zoo.recipes.experiments import jobs
from zoo.recipes.experiments.experiment import Experiment, budgets
from zoo.recipes.experiments.reproduce import merge, reproduce
from zoo.recipes.experiments.shards import parse_shard
from zoo.recipes.reporting.results import read_results

pytestmark = pytest.mark.backend_free
SETTINGS = {"depths": [1, 2, 3], "repetitions": 3, "rate": 0.5}


class Killed(BaseException):
    """End of a process."""


class Runs(list):
    """Runs that took place; the process ends before the one after `last`."""

    last, error = None, Killed


@pytest.fixture
def runs(monkeypatch):
    """Runs of an experiment whose runs of depth 2 have two rows."""
    done = Runs()

    def run(settings, point, seed, prepared):
        if len(done) == done.last:
            raise done.error
        done.append((point["depth"], seed))
        return [{"part": i, "loss": point["depth"] * seed % 1001 + i} for i in range(1 + (point["depth"] == 2))]

    toy = Experiment(
        "On Toys, section 1",
        budgets(SETTINGS, smoke={"depths": [1]}),
        points=lambda settings: [{"depth": d} for d in settings["depths"]],
        run=run,
        report=lambda rows, out: (out / "table.md").write_text(str(len(rows))),
    )
    register_only(monkeypatch, toy=toy, other=toy)
    monkeypatch.setattr("gc.collect", int)
    return done


def test_merged_rows_of_shards_are_those_of_one_process_though_one_was_killed(runs, tmp_path, zoo_command):
    whole = reproduce("toy", tmp_path / "whole", seed=3)
    first = list(runs)
    runs.clear()
    folder = tmp_path / "shards"
    reproduce("toy", folder, seed=3, shard="2/2")
    assert [depth for depth, _ in runs] == [2, 1, 3, 2]
    runs.last = 6
    with pytest.raises(Killed):
        reproduce("toy", folder, seed=3, shard="1/2")
    with pytest.raises(ValueError, match=r"Missing: 1/2 \(3 of 5 runs\); run them again"):
        merge("toy", folder)
    assert not (folder / "results.jsonl").exists()
    runs.last = None
    assert zoo_command("reproduce", "toy", "--out", folder, "--seed", 3, "--shard", "1/2")[0] == 0
    assert sorted(runs) == sorted(first)  # each once
    for _ in range(2):  # again is the same
        assert zoo_command("reproduce", "toy", "--out", folder, "--merge")[0] == 0
        assert stable(read_results(folder / "results.jsonl")) == stable(whole)
    assert (folder / "table.md").read_text() == str(len(whole)) == "12"
    assert files(folder) == ["results.jsonl", "settings.json", "shard-1-of-2", "shard-2-of-2", "table.md"]
    assert stable(reproduce("toy", folder, seed=3)) == stable(whole)  # and goes on as one process's
    assert len(runs) == len(first)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"rate": 2.0}}, r"has rate=0\.5\. Received: rate=2\.0"),
        ({"settings": {"depths": [1, 2]}}, r"has depths=\[1, 2, 3\]. Received: depths=\[1, 2\]"),
        ({"repetitions": 1}, "has repetitions=3. Received: repetitions=1"),
        ({"seed": 1}, "has seed=0. Received: seed=1"),
        ({"shard": "2/3"}, "has shards=2. Received: shards=3"),
        ({"name": "other"}, "has recipe='toy'. Received: recipe='other'"),
        ({"budget": "smoke"}, "has budget='standard'. Received: budget='smoke'"),
    ],
)
def test_shards_of_other_settings_are_refused(runs, tmp_path, changes, message):
    reproduce("toy", tmp_path, shard="1/2")
    before, count = files(tmp_path), len(runs)
    with pytest.raises(ValueError, match=message):
        reproduce(**{"name": "toy", "out": tmp_path, "shard": "2/2", **changes})
    assert (files(tmp_path), len(runs)) == (before, count)


def test_shards_that_differ_all_the_same_are_not_merged(runs, tmp_path):
    for shard in ("1/2", "2/2"):
        reproduce("toy", tmp_path, shard=shard)
    path = tmp_path / "shard-2-of-2/settings.json"
    record = json.loads(path.read_text())
    record["chosen"]["rate"] = 7.0
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"'.*shard-2-of-2' has rate=7\.0\. Received: rate=0\.5"):
        merge("toy", tmp_path)
    with pytest.raises(ValueError, match=r"holds shards of 'toy'.* Received: name='other'"):
        merge("other", tmp_path)
    with pytest.raises(ValueError, match="must hold shards"):
        merge("toy", tmp_path / "nothing")


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3"])
def test_a_shard_is_one_of_several(text):
    with pytest.raises(ValueError, match=r"`shard` must be k/N, with k from 1 to N\. Received: shard="):
        parse_shard(text)


def test_jobs_that_end_early_are_named_and_the_same_call_goes_on(runs, tmp_path, monkeypatch):
    submitit = pytest.importorskip("submitit")
    # In this process, which alone knows the experiment.
    monkeypatch.setattr(submitit, "AutoExecutor", lambda folder, cluster: submitit.DebugExecutor(folder))
    whole = reproduce("toy", tmp_path / "whole")
    runs.last, runs.error = len(runs) + 7, OSError
    options = {"executor": "local", "shards": 2}
    with pytest.raises(RuntimeError, match=r"Shards 2/2 \(job .*ended early; the same command runs what is missing"):
        jobs.reproduce_in_jobs("toy", tmp_path / "jobs", **options)
    runs.last = None
    assert stable(jobs.reproduce_in_jobs("toy", tmp_path / "jobs", **options)) == stable(whole)
    assert len(runs) == 2 * 9


def test_options_of_shards_that_do_not_go_together(runs, tmp_path, zoo_command):
    base = ["reproduce", "toy", "--out", tmp_path / "out"]
    for more, message in (
        (["--shard", "1/2", "--merge"], "Only one of --shard, --merge and --executor"),
        (["--executor", "local"], "--executor and --shards go together"),
        (["--job", "timeout_min=3"], "--executor and --shards go together"),
        (["--executor", "ssh", "--shards", 2], "`executor` must be one of 'submitit', 'local'"),
    ):
        code, _, errors = zoo_command(*base, *more)
        assert (code, message in errors, errors.count("\n")) == (1, True, 1), errors
    assert not (tmp_path / "out").exists()
