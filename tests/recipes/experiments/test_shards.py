"""Shards of an experiment: two processes make what one would, and one that was killed goes on."""

import json
import os
import shlex
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from experiments import files, register_only, stable

from zoo.recipes.experiments import jobs
from zoo.recipes.experiments.experiment import Experiment, budgets, find
from zoo.recipes.experiments.reproduce import merge, reproduce
from zoo.recipes.experiments.shards import parse_shard
from zoo.recipes.reporting.results import read_results
from zoo.stop_signals import Stopped

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
    monkeypatch.setattr(submitit, "AutoExecutor", lambda folder, **_: submitit.DebugExecutor(folder))
    whole = reproduce("toy", tmp_path / "whole")
    runs.last, runs.error = len(runs) + 7, OSError
    options = {"executor": "local", "shards": 2}
    with pytest.raises(RuntimeError, match=r"Shards 2/2 \(job .*ended early; the same command runs what is missing"):
        jobs.reproduce_in_jobs("toy", tmp_path / "jobs", **options)
    runs.last = None
    assert stable(jobs.reproduce_in_jobs("toy", tmp_path / "jobs", **options)) == stable(whole)
    assert len(runs) == 2 * 9


class Cluster:
    """Stand-in for submitit, whose jobs run in this process under another command line when they are waited for."""

    def __init__(self):
        self.sent, self.options, self.stop = [], [], None
        self.AutoExecutor = self._executor

    def _executor(self, folder, **options):
        self.options.append(options)
        return SimpleNamespace(batch=nullcontext, update_parameters=lambda **_: None, submit=self._submit)

    def _submit(self, function, *arguments):
        def exception():
            if self.stop:
                raise self.stop
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(sys, "argv", ["/machine/site-packages/submitit/core/_submit.py", "/machine/jobs"])
                function(*arguments)

        self.sent.append(SimpleNamespace(job_id=f"7{len(self.sent)}", exception=exception))
        return self.sent[-1]


@pytest.fixture
def cluster(monkeypatch):
    found = Cluster()
    monkeypatch.setattr(jobs, "_submitit", lambda: found)
    return found


def test_rows_of_jobs_have_the_command_that_sent_them(runs, cluster, tmp_path, zoo_command):
    assert zoo_command("reproduce", "toy", "--out", tmp_path, "--executor", "local", "--shards", 2)[0] == 0
    wanted = f"zoo reproduce toy --out {tmp_path} --executor local --shards 2"
    assert {row["command"] for row in read_results(tmp_path / "results.jsonl")} == {wanted}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tou", {}, "Did you mean 'toy'"),
        ("toy", {"settings": {"rat": 1.0}}, "Did you mean 'rate'"),
        ("toy", {"seed": -1}, "`seed`"),
        ("toy", {"data_dir": "no/such"}, "no data in no/such"),
        ("toy", {"settings": {"depths": [4]}}, r"has depths=\[1, 2, 3\]"),
    ],
)
def test_what_shards_would_refuse_is_refused_before_jobs_are_sent(
    runs, cluster, tmp_path, monkeypatch, name, options, message
):
    def prepare(settings, data_dir):
        if data_dir:
            raise ValueError(f"no data in {data_dir}")

    register_only(monkeypatch, toy=find("toy")._replace(prepare=prepare))
    reproduce("toy", tmp_path, shard="1/2")
    with pytest.raises(ValueError, match=message):
        jobs.reproduce_in_jobs(name, tmp_path, executor="local", shards=2, **options)
    assert not cluster.sent


def test_who_stops_the_waiting_is_told_the_jobs_and_how_to_merge(runs, cluster, tmp_path, zoo_command):
    cluster.stop = Stopped("SIGTERM")
    code, printed, _ = zoo_command("reproduce", "toy", "--out", tmp_path, "--executor", "submitit", "--shards", 2)
    assert code == 143
    assert f"Jobs 70, 71 may go on; `zoo reproduce toy --out {tmp_path} --merge`" in printed
    assert "Go on with --merge once its jobs have ended" in printed


@pytest.mark.skipif(sys.platform == "win32", reason="submitit has no Windows")
@pytest.mark.parametrize("devices", ["1,3", None])
def test_local_jobs_see_the_devices_of_the_sender(runs, cluster, tmp_path, monkeypatch, devices):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if devices:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    for job in ({}, {"gpus_per_node": 1}):
        jobs.reproduce_in_jobs("toy", tmp_path, executor="local", shards=2, job=job)
    python, asked = (one["local_python"] for one in cluster.options)
    assert asked is None  # then submitit deals them
    program = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*shlex.split(python), "-c", program], env=hidden, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(devices)


def test_points_that_change_meanwhile_are_refused_by_shards_and_not_merged(runs, tmp_path, monkeypatch):
    depths = [1, 2, 3]
    register_only(monkeypatch, toy=find("toy")._replace(points=lambda settings: [{"depth": d} for d in depths]))
    reproduce("toy", tmp_path, shard="1/2")
    depths.insert(0, 9)
    with pytest.raises(ValueError, match=r"has number of points=3\. Received: number of points=4"):
        reproduce("toy", tmp_path, shard="2/2")
    depths[:] = [1, 2, 4]
    with pytest.raises(ValueError, match=r"has point 3=\{'depth': 3\}\. Received: point 3=\{'depth': 4\}"):
        reproduce("toy", tmp_path, shard="2/2")
    depths[:] = [1, 2, 3]
    reproduce("toy", tmp_path, shard="2/2")
    depths.insert(0, 9)
    assert [row["depth"] for row in merge("toy", tmp_path)] == [1, 2, 2, 3] * 3


def test_a_shard_s_rows_of_another_s_runs_are_not_merged_twice(runs, tmp_path):
    for shard in ("1/2", "2/2"):
        reproduce("toy", tmp_path, shard=shard)
    whole = merge("toy", tmp_path)
    with (tmp_path / "shard-1-of-2/results.jsonl").open("a") as file:
        file.write((tmp_path / "shard-2-of-2/results.jsonl").read_text())
    assert merge("toy", tmp_path) == whole


@pytest.mark.parametrize("text", ["{}", '{"recipe": "toy", "chosen": {}, "shards": 2, "budget": "smoke"}'])
def test_a_record_of_a_shard_that_lacks_something_is_named(runs, tmp_path, text):
    reproduce("toy", tmp_path, shard="1/2")
    (tmp_path / "shard-1-of-2/settings.json").write_text(text)
    for call in (lambda: merge("toy", tmp_path), lambda: reproduce("toy", tmp_path, shard="2/2")):
        with pytest.raises(ValueError, match=r"shard-1-of-2/settings\.json' must be .* It lacks \[.*'points'"):
            call()


def test_options_of_shards_that_do_not_go_together(runs, tmp_path, zoo_command):
    base = ["reproduce", "toy", "--out", tmp_path / "out"]
    for more, message in (
        (["--shard", "1/2", "--merge"], "Only one of --shard, --merge and --executor"),
        (["--merge", "--seed", 3], "--merge takes these from the shards; leave them out. Received: --seed"),
        (
            ["--merge", "--budget", "paper", "--set", "rate=1.0", "--repetitions", 1, "--data-dir", "x"],
            "Received: --budget, --set, --repetitions, --data-dir",
        ),
        (["--executor", "local"], "--executor and --shards go together"),
        (["--job", "timeout_min=3"], "--executor and --shards go together"),
        (["--executor", "ssh", "--shards", 2], "`executor` must be one of 'submitit', 'local'"),
    ):
        code, _, errors = zoo_command(*base, *more)
        assert (code, message in errors, errors.count("\n")) == (1, True, 1), errors
    assert not (tmp_path / "out").exists()
