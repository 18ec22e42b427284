"""`tune`: every trial is accounted for, and the best one is a recipe that trains as it did in the search."""

import csv
import dataclasses
import functools
import gc
import json
import os
import socket
import subprocess
import sys

import keras
import keras_tuner
import numpy as np
import pytest

from zoo import registry, tuning
from zoo.layers import Amplify, CoinFlipDropout, MajorityVote, NormalizePixels
from zoo.recipes import cli
from zoo.recipes.reporting.folders import Folder
from zoo.recipes.training.recipe import Recipe, find
from zoo.recipes.training.train import train
from zoo.recipes.tuning import tuners
from zoo.recipes.tuning.snapshot import Snapshot
from zoo.recipes.tuning.trials import Progress, describe, leaderboard, ranked
from zoo.recipes.tuning.tune import _best, tune
from zoo.stop_signals import Stopped

SEARCH = {"units": [4, 8, 16], "rate": (0.1, 0.5), "samples": (1, 3)}


def net(input_shape=(8, 8, 1), classes=3, units=8, rate=0.4, samples=2, poison=False, seed=None):
    """A coin between two dense layers; `poison` makes its loss NaN."""
    kernels = [keras.initializers.GlorotUniform(seed=(seed or 0) + i) for i in range(2)]
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(NormalizePixels()(inputs))
    x = keras.layers.Dense(units, "relu", kernel_initializer=kernels[0])(x)
    x = CoinFlipDropout(rate, seed=seed)(Amplify(samples)(x))
    logits = keras.layers.Dense(classes, kernel_initializer=kernels[1])(x)
    if poison:
        logits = keras.layers.Rescaling(float("nan"))(logits)
    return keras.Model(inputs, MajorityVote(samples)(logits))


@pytest.fixture(scope="module", autouse=True)
def fast():
    """What takes most of the time here: keras-tuner's garbage collections."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def builds(empty_registry):
    """A registry with `net` alone; `builds[n]` is what its n-th build raises, 0 being the check before the trials."""
    raising, count = {}, [0]

    @functools.wraps(net)
    def builder(**options):
        count[0] += 1
        if count[0] - 1 in raising:
            raise raising[count[0] - 1]
        return net(**options)

    empty_registry("Of Nets", "section 9", SEARCH)(builder)
    return raising


@pytest.fixture
def data(tmp_path):
    """40 images of three classes, which differ in brightness: 36 to train on and 4 for validation."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 3
    x = np.clip(60 + 60 * y[:, None, None] + rng.normal(0, 40, (40, 8, 8)), 0, 255).astype("uint8")
    np.savez(tmp_path / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    return str(tmp_path / "tiny.npz")


@pytest.fixture
def search(builds, data, tmp_path):
    """Run `tune` on the net with small numbers, all of which can be overridden."""

    def run(**changes):
        given = {"name": "net", "out": tmp_path / "out", "trials": 2, "epochs": 1, "data": data, "batch_size": 16}
        return tune(**{**given, **changes})

    return run


@pytest.fixture
def untrained(monkeypatch):
    """Trials end where they would begin to train; the later the better."""
    scores = iter(np.linspace(0.1, 1, 10))
    monkeypatch.setattr(tuning.RegisteredHyperModel, "fit", lambda *args, **kwargs: {"val_accuracy": next(scores)})


def read(path):
    return json.loads(path.read_text())


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.every_backend
def test_the_best_trial_is_a_recipe_that_trains_as_it_did(search, data, tmp_path, capsys, monkeypatch):
    rows = search(epochs=2, seed=3, options={"samples": 2})
    printed = capsys.readouterr().out
    assert [row["status"] for row in rows] == ["completed"] * 2
    assert lines(tmp_path / "out/trials.jsonl") == rows
    assert all(set(row["values"]) == {"units", "rate", "learning_rate", "momentum"} for row in rows)
    best = max(rows, key=lambda row: row["score"])
    recipe = find(str(tmp_path / "out/best.json"))
    assert (recipe.name, recipe.model, recipe.data, recipe.seed) == ("net_tuned", "net", data, 3)
    assert (recipe.epochs, recipe.batch_size, recipe.schedule, recipe.optimizer) == (2, 16, "constant", "sgd")
    assert {**recipe.options, "learning_rate": recipe.learning_rate, "momentum": recipe.momentum} == {
        **best["values"],
        "samples": 2,
    }
    assert leaderboard(rows) in printed
    assert "zoo train" in printed
    monkeypatch.setattr(
        "zoo.recipes.training.train.evaluate", lambda *args, **kwargs: []
    )  # after training; it takes as long
    train(recipe, tmp_path / "run", verbose=0)
    with open(tmp_path / "run/log.csv") as file:
        assert max(float(row["val_accuracy"]) for row in csv.DictReader(file)) == pytest.approx(best["score"])


@pytest.mark.parametrize(("patience", "epochs"), [(1, 2), (3, 4), (None, 5)])
def test_a_trial_ends_so_many_epochs_after_its_best(search, monkeypatch, patience, epochs):
    """Of a network that gives the same for every image, whose first epoch is its best."""
    ended, plain = [], net

    def same(**options):
        model = plain(**options)
        return keras.Model(model.input, keras.layers.Rescaling(0.0, offset=1 / 3)(model.output))

    monkeypatch.setitem(globals(), "net", same)
    monkeypatch.setattr(Progress, "epoch", lambda self, trial, epoch: ended.append(epoch))
    assert [row["status"] for row in search(trials=1, epochs=5, patience=patience)] == ["completed"]
    assert ended == list(range(epochs))


def test_patience_is_a_positive_int(search):
    with pytest.raises(ValueError, match="`patience` must be a positive int"):
        search(patience=0)


@pytest.mark.usefixtures("untrained")
def test_a_failed_trial_is_shown_and_the_others_go_on(search, builds, tmp_path, capsys):
    builds[2] = ValueError("no such net\nfor these units")
    rows = search(trials=3)
    assert [row["status"] for row in rows] == ["completed", "failed", "completed"]
    assert rows[1]["error"] == "for these units"
    assert rows[1]["score"] is None
    out = capsys.readouterr().out
    assert out.count(describe(rows[1])) == 2  # when it happened and at the end
    assert "\nFailed:\n" + describe(rows[1]) in out
    assert lines(tmp_path / "out/trials.jsonl") == rows
    assert find(str(tmp_path / "out/best.json")).learning_rate == rows[2]["values"]["learning_rate"]


@pytest.mark.usefixtures("untrained")
def test_more_failures_in_a_row_than_keras_tuner_allows(search, builds):
    builds.update({n: ValueError("no") for n in range(1, 5)})
    assert [row["status"] for row in search(trials=5)] == ["failed"] * 4 + ["completed"]


def test_a_loss_that_is_not_a_number_is_a_failure(search, tmp_path, capsys):
    with pytest.raises(RuntimeError, match=r"None of 1 trials succeeded; the first trial 1 failed: .*loss is nan"):
        search(options={"poison": True}, trials=1, epochs=3)
    assert [row["status"] for row in lines(tmp_path / "out/trials.jsonl")] == ["failed"]
    assert not (tmp_path / "out/best.json").exists()
    assert capsys.readouterr().out.count("the loss is nan after epoch 1") == 2


@pytest.fixture
def zoo_tune(builds, data, tmp_path, monkeypatch, capsys):
    """Run `zoo tune` in this process: (exit code, stdout, stderr)."""

    def run(*arguments):
        given = ["zoo", "tune", *map(str, arguments), "--out", str(tmp_path / "out"), "--data", data]
        monkeypatch.setattr(sys, "argv", given)
        code = 0
        try:
            cli.main()
        except SystemExit as left:
            code = left.code
        return code, *capsys.readouterr()

    return run


def test_the_command_exits_with_1_if_all_fail(zoo_tune, builds):
    builds.update({1: ValueError("first reason"), 2: ValueError("second reason")})
    code, out, errors = zoo_tune("net", "--trials", 2)
    assert code == 1
    assert "error: None of 2 trials succeeded" in errors
    assert "first reason" in errors
    assert "second reason" in out


@pytest.mark.usefixtures("untrained")
def test_the_command_passes_everything_on(zoo_tune, tmp_path):
    arguments = ["--tuner", "bayesian", "--trials", 1, "--epochs", 2, "--seed", 5, "--set", "units=3"]
    code, out, errors = zoo_tune("net", *arguments, "--set", "rate=0.25")
    assert code == 0, errors
    assert "rank" in out
    recipe = find(str(tmp_path / "out/best.json"))
    assert (recipe.epochs, recipe.seed) == (2, 5)
    assert recipe.options["units"] == 3
    assert recipe.options["rate"] == 0.25
    assert read(tmp_path / "out/settings.json")["settings"]["tuner"] == "bayesian"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tuner": "hyperbend"}, r"Unknown tuner. Did you mean 'hyperband'\?"),
        ({"name": "nets"}, r"Did you mean 'net'\?.*name='nets'"),
        ({"options": {"unit": 3}}, r"Did you mean 'units'\?"),
        ({"options": {"rate": 7}}, "`rate` must be"),
        ({"data": "digit"}, r"Did you mean 'digits'\?"),
        ({"trials": 0}, "`trials` must be a positive int. Received: trials=0"),
        ({"trials": 1.5}, "`trials` must be"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"seed": -1}, "`seed` must be"),
    ],
)
def test_bad_input_is_said_before_any_trial(search, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        search(**changes)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("untrained")
def test_a_search_goes_on_where_it_stopped(search, builds, tmp_path, capsys):
    first = search()
    capsys.readouterr()
    builds[4] = AssertionError("two of the trials are there already")  # 0 to 2 and again the check
    rows = search(trials=3)
    assert "2 of 3 trials are done" in capsys.readouterr().out
    assert rows[:2] == first
    assert rows[2]["error"].startswith("AssertionError")
    assert search(trials=3) == rows
    assert lines(tmp_path / "out/trials.jsonl") == rows


@pytest.mark.parametrize(
    "changes",
    [
        {"tuner": "bayesian"},
        {"epochs": 1},
        {"batch_size": 8},
        {"seed": 1},
        {"options": {"units": 4}},
        {"data": "digits"},
    ],
)
def test_a_folder_with_another_search_is_refused(search, monkeypatch, changes):
    monkeypatch.setattr(tuners.TUNERS["random"], "search", lambda *args, **kwargs: None)
    with pytest.raises(IndexError):  # nothing was run
        search(epochs=2)
    (key,) = changes
    with pytest.raises(ValueError, match=rf"The search in .* has {key}=.* Received: {key}="):
        search(**{"epochs": 2, **changes})


@pytest.mark.usefixtures("untrained")
def test_hyperband_does_not_go_on_with_more_epochs(search):
    search(tuner="hyperband", trials=1)
    with pytest.raises(ValueError, match=r"has epochs=1 and goes on with as many\. Received: epochs=2"):
        search(tuner="hyperband", trials=1, epochs=2)


@pytest.mark.usefixtures("untrained")
def test_a_changed_search_space_is_refused(search, tmp_path, monkeypatch):
    search(trials=1)
    monkeypatch.setitem(registry.find("net").search, "units", [4, 8])
    with pytest.raises(ValueError, match=r"has space=.*4, 8, 16.* Received: space=.*4, 8\]"):
        search(trials=2)


@pytest.mark.usefixtures("untrained")
def test_a_damaged_state_is_taken_from_the_snapshot(search, tmp_path, capsys):
    first = search(trials=1)
    state = tmp_path / "out/net/oracle.json"
    state.write_text(state.read_text()[:40])
    rows = search(trials=2)
    assert rows[:1] == first
    assert "oracle.json' is no JSON that can be read" in capsys.readouterr().err


@pytest.mark.usefixtures("untrained")
def test_a_damaged_state_and_a_damaged_snapshot_are_refused(search, tmp_path, capsys):
    search(trials=1)
    for path in (tmp_path / "out/net/oracle.json", tmp_path / "out/search.json"):
        path.write_text(path.read_text()[:40])
    with pytest.raises(ValueError, match="`out` must hold no search or an undamaged one"):
        search(trials=2)
    assert "search.json' is no JSON" in capsys.readouterr().err


@pytest.mark.usefixtures("untrained")
def test_ctrl_c_keeps_what_is_finished(search, builds, tmp_path, capsys):
    builds[2] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        search()
    rows = lines(tmp_path / "out/trials.jsonl")
    assert [row["status"] for row in rows] == ["completed", "unfinished"]
    assert leaderboard(rows) in capsys.readouterr().out
    assert find(str(tmp_path / "out/best.json")).learning_rate == rows[0]["values"]["learning_rate"]
    again = search()
    assert [row["status"] for row in again] == ["completed"] * 2
    assert again[0] == rows[0]
    assert again[1]["values"] == rows[1]["values"]


@pytest.mark.usefixtures("untrained")
def test_a_signal_ends_the_command_with_its_code_and_keeps_what_is_finished(zoo_tune, builds, tmp_path):
    builds[2] = Stopped("SIGTERM")
    code, out, _ = zoo_tune("net", "--trials", 2)
    assert code == 143
    assert out.splitlines()[-1].startswith("Stopped (SIGTERM)")
    assert [row["status"] for row in lines(tmp_path / "out/trials.jsonl")] == ["completed", "unfinished"]
    assert zoo_tune("net", "--trials", 2)[0] == 0
    assert [row["status"] for row in lines(tmp_path / "out/trials.jsonl")] == ["completed"] * 2


def test_a_full_disk_is_no_failed_trial(search, tmp_path, monkeypatch):
    def full(model, path):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(tuners, "write_weights", full)
        with pytest.raises(RuntimeError, match=r"No space left on device: .*checkpoint\.weights\.h5"):
            search(trials=1)
    assert [row["status"] for row in search(trials=1)] == ["completed"]


@pytest.mark.usefixtures("untrained")
def test_changed_weights_of_a_finished_trial_are_refused(search, tmp_path):
    search(trials=1)
    weights = tmp_path / "out/net/trial_0/checkpoint.weights.h5"
    state = read(tmp_path / "out/search.json")
    assert "checkpoint.weights.h5" not in str(state["weights"])  # nothing was trained
    weights.write_bytes(b"1")
    tuners_state = Snapshot(Folder(tmp_path / "out", "settings.json"), "net")
    tuners_state.take()
    weights.write_bytes(b"2")
    with pytest.raises(ValueError, match=r"checkpoint\.weights\.h5' is damaged"):
        search(trials=2)


@pytest.mark.usefixtures("untrained")
def test_a_folder_of_the_user_is_left_alone(search, tmp_path):
    (tmp_path / "out/net").mkdir(parents=True)
    (tmp_path / "out/net/net.py").write_text("mine")
    search(trials=1)
    search(trials=2)
    assert (tmp_path / "out/net/net.py").read_text() == "mine"


@pytest.mark.parametrize("seed", [0, 7])
def test_a_seed_fixes_the_trials(search, tmp_path, monkeypatch, seed):
    monkeypatch.setattr(tuners._Random, "run_trial", lambda self, trial, **kwargs: {"val_accuracy": 0.5})
    runs = [search(out=tmp_path / str(i), seed=s) for i, s in enumerate((seed, seed, seed + 1))]
    values = [[row["values"] for row in rows] for rows in runs]
    assert values[0] == values[1] != values[2]


def test_hyperband_trains_the_best_of_three_on(search, began):
    rows = search(tuner="hyperband", trials=4, epochs=3)
    assert [row["status"] for row in rows] == ["completed"] * 4, [row["error"] for row in rows]
    assert [row["epochs"] for row in rows] == [1, 1, 1, 3]
    assert [one[:3] for one in began] == [(0, 1, 0)] * 3 + [(1, 3, 3)]  # three updates per epoch
    assert rows[3]["values"] == max(rows[:3], key=lambda row: row["score"])["values"]
    assert all(set(row["values"]) == {*SEARCH, "learning_rate", "momentum"} for row in rows)


@pytest.fixture
def began(monkeypatch):
    """Of every training: its first epoch, its number of epochs, the updates that are behind it and its kernel."""
    began = []
    fit = tuning.RegisteredHyperModel.fit

    def watched(self, hp, model, **kwargs):
        kernel = np.array(model.trainable_variables[0])
        began.append((kwargs.get("initial_epoch", 0), kwargs["epochs"], int(model.optimizer.iterations), kernel))
        return fit(self, hp, model, **kwargs)

    monkeypatch.setattr(tuning.RegisteredHyperModel, "fit", watched)
    return began


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_with_more_epochs_finished_trials_train_on(search, builds, began, tmp_path, tuner):
    builds[2] = ValueError("a failed trial does not go on")
    first = search(tuner=tuner, trials=3)
    assert [row["status"] for row in first] == ["completed", "failed", "completed"]
    best, other = ranked(first)
    assert [row["epochs"] for row in first] == [1] * 3
    trained = {row["trial"]: began[i] for i, row in enumerate(row for row in first if row["status"] == "completed")}
    began.clear()
    builds[5] = KeyboardInterrupt()  # before the second of them
    with pytest.raises(KeyboardInterrupt):
        search(tuner=tuner, trials=3, epochs=3)
    rows = search(tuner=tuner, trials=4, epochs=3)
    assert rows[:3] == first
    assert [(row["status"], row["epochs"]) for row in rows[3:]] == [("completed", 3)] * 3
    assert [row["values"] for row in rows[3:5]] == [best["values"], other["values"]]
    assert [one[:3] for one in began] == [(1, 3, 3), (1, 3, 3), (0, 3, 0)]
    assert all((one[3] != trained[row["trial"]][3]).any() for one, row in zip(began, (best, other), strict=False))
    assert search(tuner=tuner, trials=4, epochs=3) == rows  # nothing is left to do
    assert find(str(tmp_path / "out/best.json")).epochs == 3
    with pytest.raises(ValueError, match=r"has epochs=3 and goes on with as many or more\. Received: epochs=1"):
        search(tuner=tuner, trials=4, epochs=1)


ENVIRONMENT = {"IP": "127.0.0.1", "PORT": "1", "ID": "w"}
NAMES = {"IP": "KERASTUNER_ORACLE_IP", "PORT": "KERASTUNER_ORACLE_PORT", "ID": "KERASTUNER_TUNER_ID"}


@pytest.mark.parametrize(
    ("variables", "role"),
    [
        ({}, "alone"),
        ({"ID": "chief"}, "alone"),
        (ENVIRONMENT, "worker"),
        ({**ENVIRONMENT, "ID": "chief"}, "chief"),
    ],
)
def test_roles_by_environment(monkeypatch, variables, role):
    for key, value in variables.items():
        monkeypatch.setenv(NAMES[key], value)
    assert tuners.role() == role


@pytest.mark.parametrize("missing", ["PORT", "ID"])
def test_half_an_environment_is_refused_before_any_trial(search, monkeypatch, missing, tmp_path):
    for key in ENVIRONMENT.keys() - {missing}:
        monkeypatch.setenv(NAMES[key], ENVIRONMENT[key])
    with pytest.raises(ValueError, match=f"Received: no {NAMES[missing]}"):
        search()
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_chief_and_two_workers(data, tmp_path):
    """The best's options and scores are in the chief's files; one goes on with it alone, with more epochs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"depth": 8, "samples": 1, "weight_decay": 0.0}
    call = {"name": "resnet20_cfnn", "out": str(tmp_path / "out"), "trials": 4, "epochs": 1, "data": data}
    code = f"from zoo.recipes.tuning.tune import tune; tune(**{call!r}, options={options!r})"
    started = {}
    for role in ("chief", "one", "two"):
        given = {NAMES["IP"]: "127.0.0.1", NAMES["PORT"]: str(port), NAMES["ID"]: role}
        command = [sys.executable, "-c", code]
        started[role] = subprocess.Popen(command, env={**os.environ, **given}, stdout=subprocess.PIPE, text=True)
    try:
        printed = {role: process.communicate(timeout=300)[0] for role, process in started.items()}
    finally:
        for process in started.values():
            process.kill()
    assert [process.returncode for process in started.values()] == [0, 0, 0]
    rows = lines(tmp_path / "out/trials.jsonl")
    assert [row["status"] for row in rows] == ["completed"] * 4
    for row in rows:
        assert describe(row) in printed["chief"]
        assert (describe(row) in printed["one"]) != (describe(row) in printed["two"])
    longer = tune(**{**call, "epochs": 2}, options=options)
    assert longer[:4] == rows
    assert [row["epochs"] for row in longer[4:]] == [2] * 4


@pytest.mark.parametrize("trials", [1, 6])
def test_hyperband_stops_after_so_many_trials(search, monkeypatch, trials):
    monkeypatch.setattr(tuners._Hyperband, "run_trial", lambda self, trial, **kwargs: {"val_accuracy": 0.5})
    rows = search(tuner="hyperband", trials=trials, epochs=3)
    assert [row["epochs"] for row in rows] == ([3] if trials == 1 else [1, 1, 1, 3, 3, 3])


def test_brackets_are_those_of_keras_tuner():
    for epochs in (1, 2, 3, 5, 9, 10, 27, 100):
        for factor in (3, 4, 7):
            oracle = keras_tuner.oracles.HyperbandOracle("val_accuracy", max_epochs=epochs, factor=factor)
            first = oracle._get_num_brackets() - 1
            sizes = [oracle._get_size(first, round_) for round_ in range(oracle._get_num_rounds(first))]
            assert tuners._bracket(epochs, factor) == sum(sizes)
    assert [tuners._factor(trials, 10) for trials in (18, 17, 8, 7)] == [3, 4, 4, 13]


@pytest.mark.parametrize("trials", [3, pytest.param(9, marks=pytest.mark.slow)])
def test_bayesian_learns_from_its_trials(search, monkeypatch, trials):
    """The score is the rate: after the random third, the trials come close to the largest rate."""
    monkeypatch.setattr(
        tuners._Bayesian, "run_trial", lambda self, trial, **kwargs: {"val_accuracy": trial.hyperparameters["rate"]}
    )
    rows = search(tuner="bayesian", trials=trials, options={"units": 4, "samples": 1})
    assert [row["status"] for row in rows] == ["completed"] * trials
    if trials == 9:
        assert np.mean([row["score"] for row in rows[3:]]) > 0.4
        assert ranked(rows)[0]["score"] > 0.49


def row(trial, score, epochs=3, **values):
    status = "failed" if score is None else "completed"
    error = "E: bad" if score is None else None
    return {"trial": trial, "status": status, "score": score, "epochs": epochs, "values": values, "error": error}


def test_leaderboard():
    rows = [
        row(1, 0.5, a=0.123456, b="x"),
        row(2, None, a=1.0, b="y"),
        row(3, 0.75, a=1e-5, b=True),
        row(4, 0.5, 9, a=2),
    ]
    assert [found["trial"] for found in ranked(rows)] == [3, 4, 1]
    assert [line.split() for line in leaderboard(rows, "plain").splitlines()] == [
        ["rank", "trial", "val", "accuracy", "%", "epochs", "a", "b"],
        ["1", "3", "75.00", "3", "1e-05", "True"],
        ["2", "4", "50.00", "9", "2"],
        ["3", "1", "50.00", "3", "0.1235", "x"],
    ]
    assert describe(rows[0]) == "trial 1 50.00 % (a=0.1235, b=x)"
    assert describe(rows[1]) == "trial 2 failed: E: bad (a=1, b=y)"


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    hp = keras_tuner.HyperParameters()
    hp.values = {"units": 4, "tuner/epochs": 5}
    trial = keras_tuner.engine.trial.Trial(hp, "3", "COMPLETED")
    trial.score = 0.5
    with Progress(8, 3, 2) as progress:
        progress.epoch(trial, 1)
        progress.end(trial)
    out = capsys.readouterr().out
    assert "trial 4 50.00 % (units=4)" in out
    assert "epoch 2 of 5" in out
    assert "4/8" in out


@pytest.mark.slow
def test_a_resnet(data, tmp_path):
    rows = tune("resnet20_cfnn", tmp_path / "out", trials=2, epochs=1, data=data, options={"depth": 8, "samples": 2})
    assert [row["status"] for row in rows] == ["completed"] * 2
    recipe = find(str(tmp_path / "out/best.json"))
    train(recipe, tmp_path / "run", verbose=0)
    with open(tmp_path / "run/log.csv") as file:
        assert float(next(csv.DictReader(file))["val_accuracy"]) == pytest.approx(ranked(rows)[0]["score"])


@pytest.mark.backend_free
def test_the_best_trial_of_iterand_redraws_as_its_trials_did():
    recipe = Recipe(name="tuned", model="conv6_iterand", schedule="constant")
    best = _best({"learning_rate": 0.1, "momentum": 0.9, "sparsity": 0.3}, recipe)
    assert (best.randomize_period, best.randomize_rate, best.options) == (300, 0.1, {"sparsity": 0.3})
    plain = dataclasses.replace(recipe, model="conv6_edge_popup")
    assert _best({"learning_rate": 0.1, "momentum": 0.9}, plain).randomize_period is None
