"""The `zoo` command: what it prints, its exit codes, and that bad input is one clear error with nothing written."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoo.recipes.reporting.results import read_results
from zoo.recipes.training import train as training
from zoo.recipes.training.checkpoint import Checkpoint


@pytest.fixture
def recipe_file(recipe, tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(recipe.replace({"epochs": 1}).to_dict()))
    return path


def test_list_and_show(zoo_command, recipe_file):
    code, out, _ = zoo_command("list", "*dropout*")
    assert code == 0
    assert "resnet20_dropout\n" in out
    assert "\n  resnet20_cfnn\n" not in out
    code, out, _ = zoo_command("show", "resnet20_cfnn")
    assert code == 0
    assert all(part in out for part in ("Coin-Flipping", "`depth` = `20`", "## Weights"))
    code, out, _ = zoo_command("show", "resnet20_cfnn_cifar10")
    assert json.loads(out)["options"]["weight_decay"] == 5e-3
    code, out, _ = zoo_command("show", recipe_file)
    assert json.loads(out) == json.loads(recipe_file.read_text())


def test_list_shows_what_the_pattern_names(zoo_command):
    code, out, _ = zoo_command("list", "*digits*")
    assert code == 0
    assert "Weights:\n  resnet20_cfnn  digits\nRecipes:\n" in out
    lines = [line for line in out.splitlines() if line.startswith("  ")]
    assert len(lines) > 3
    assert all("digits" in line for line in lines)
    code, out, errors = zoo_command("list", "resnet20_cfn")
    assert (code, out) == (1, "")
    assert errors.startswith("error: No model, ")
    assert "Did you mean 'resnet20_cfnn'?" in errors


@pytest.mark.filterwarnings("default:.*head of 4 classes:UserWarning")
def test_a_model_by_its_name_on_one_s_own_data_and_weights(zoo_command, recipe, tmp_path, monkeypatch):
    """Relative paths are those of the folder where the run began; more classes than the data have is a wish."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.npz").write_bytes(Path(recipe.data).read_bytes())
    common = ("--data", "mine.npz", "--set", "samples=[1]", "--epochs", 1)
    code, printed, errors = zoo_command("train", "tiny_cfnn", *common, "--classes", 4, "--out", "run")
    assert code == 0, errors
    assert printed.startswith('tiny_cfnn by its default recipe: data=mine.npz, options={"classes": 4}, augment=crop, ')
    assert "learning_rate=0.1" in printed
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert (config["recipe"]["data"], config["recipe"]["paper"]) == (str(tmp_path / "mine.npz"), "")
    assert (config["recipe"]["options"], config["recipe"]["epochs"]) == ({"classes": 4}, 1)

    code, printed, errors = zoo_command("train", "tiny_cfnn", *common, "--weights", "run", "--out", "two")
    assert code == 0, errors
    assert "learning_rate=0.01," in printed  # more would undo the weights
    (warning,) = [line for line in errors.splitlines() if line.startswith("warning: ")]
    assert "the head of 4 classes of 'tiny_cfnn' is not taken. That of 3 classes" in warning
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, _, errors = zoo_command("evaluate", tmp_path / "two", "--samples", "1")
    assert code == 0, errors
    again = ("--data", tmp_path / "mine.npz", *common[2:4], "--weights", tmp_path / "run", "--out", tmp_path / "two")
    code, _, errors = zoo_command("train", "tiny_cfnn", *again, "--epochs", 2, "--resume")
    assert code == 0, errors
    assert "Going on from epoch 1 to 2" in errors
    assert "warning" not in errors  # the head is the run's own by now
    assert json.loads((tmp_path / "two/config.json").read_text())["recipe"]["epochs"] == 2


def test_a_name_that_is_neither_is_compared_with_both(zoo_command, tmp_path):
    code, _, errors = zoo_command("train", "resnet20_cfn", "--out", tmp_path / "run")
    assert code == 1
    assert errors.startswith("error: Unknown recipe. Did you mean 'resnet20_cfnn'? Allowed: ")
    assert not (tmp_path / "run").exists()


def test_train_evaluate_export(zoo_command, recipe_file, tmp_path):
    out = tmp_path / "run"
    arguments = ("train", recipe_file, "--out", out, "--epochs", 2, "--seed", 9, "--set", "rate=0.1")
    code, printed, errors = zoo_command(*arguments, "--set", "options.samples=2", "--set", "samples=[1,3]")
    assert code == 0, errors
    assert "majority of 3" in printed
    config = json.loads((out / "config.json").read_text())
    assert config["recipe"]["options"] == {"rate": 0.1, "samples": 2}
    assert (config["recipe"]["epochs"], config["recipe"]["seed"], config["recipe"]["samples"]) == (2, 9, [1, 3])
    assert config["command"].startswith("zoo train ")

    lines = tmp_path / "more.jsonl"
    code, printed, errors = zoo_command("evaluate", out, "--samples", "1,9", "--vote", "mean", "--out", lines)
    assert code == 0, errors
    assert [(row["vote"], row["samples"], row["recipe"]) for row in read_results(lines)] == [
        ("mean", 1, "tiny"),
        ("mean", 9, "tiny"),
    ]
    code, printed, errors = zoo_command("evaluate", out, "--split", "val", "--vote", "expected", "--plots", out / "a")
    assert code == 0, errors
    assert "coins off" in printed
    assert all(name in printed for name in ("NLL", "Brier", "ECE %", "AURC %"))
    for picture in (out / "a/reliability.png", out / "a/risk_coverage.png"):
        assert str(picture) in printed
        assert picture.read_bytes().startswith(b"\x89PNG")

    options = ("--adaptive", "--error", 0.1, "--max-samples", 20, "--plots", out / "b", "--report", out / "a.html")
    code, printed, errors = zoo_command("evaluate", out, "--samples", "1,5", "--out", lines, *options)
    assert code == 0, errors
    line = read_results(lines)[-1]
    assert [line[key] for key in ("vote", "error", "max_samples", "margin")] == ["adaptive", 0.1, 20, 0.0]
    assert f"The adaptive vote took {line['samples']:.1f} flips of an image on average, at most 20" in printed
    assert (out / "b/flips_needed.png").read_bytes().startswith(b"\x89PNG")
    assert str(out / "b/flips_needed.png") in printed
    assert f"Written: {out / 'a.html'}" in printed
    page = (out / "a.html").read_text()
    assert page.endswith("</html>")
    assert str(out / "last.weights.h5") in page
    assert "tiny_cfnn on tiny.npz" in page

    code, printed, errors = zoo_command("export", out, tmp_path / "saved")
    assert code == 0, errors
    assert (tmp_path / "saved/saved_model.pb").is_file()
    code, printed, errors = zoo_command("export", out, tmp_path / "saved")
    assert code == 1
    assert "overwrite" in errors


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_with_its_code_and_resume_finishes(
    zoo_command, recipe_file, tmp_path, monkeypatch, number, expected
):
    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        began = Checkpoint.on_epoch_begin

        def on_epoch_begin(self, epoch, logs=None):
            began(self, epoch, logs)
            signal.raise_signal(number)

        patched.setattr(Checkpoint, "on_epoch_begin", on_epoch_begin)
        code, printed, _ = zoo_command("train", recipe_file, "--out", out)
    assert code == expected
    assert "--resume" in printed
    assert not (out / "results.jsonl").exists()
    code, printed, errors = zoo_command("train", recipe_file, "--out", out, "--resume")
    assert code == 0, errors
    assert (out / "results.jsonl").is_file()


@pytest.mark.parametrize(
    ("phase", "number", "expected"),
    [
        ("load", signal.SIGINT, 130),
        ("restore", signal.SIGTERM, 143),
        ("evaluate", signal.SIGINT, 130),
        ("evaluate", signal.SIGTERM, 143),
        ("add_results", signal.SIGINT, 130),
    ],
)
def test_a_signal_before_and_after_the_training_loses_nothing(
    zoo_command, recipe_file, tmp_path, monkeypatch, number, expected, phase
):
    out, evaluated = tmp_path / "run", [{"vote": "none", "samples": 1, "correct": 3, "n": 4}]
    monkeypatch.setattr(training, "evaluate", lambda *arguments, **options: evaluated)
    monkeypatch.setattr("zoo.recipes.reporting.votes.report", lambda rows: "")
    with monkeypatch.context() as patched:
        original = getattr(training, phase)

        def stopped(*arguments, **options):
            signal.raise_signal(number)
            return original(*arguments, **options)

        patched.setattr(training, phase, stopped)
        code, printed, errors = zoo_command("train", recipe_file, "--out", out)
    assert code == expected
    assert printed.splitlines()[-1].startswith(f"Stopped ({number.name})")
    assert "--resume" in printed
    assert "Traceback" not in errors
    assert not (out / "results.jsonl").exists()
    code, _, errors = zoo_command("train", recipe_file, "--out", out, "--resume")
    assert code == 0, errors
    assert read_results(out / "results.jsonl") == evaluated


def test_max_minutes_stops_with_code_zero(zoo_command, recipe_file, tmp_path):
    code, printed, _ = zoo_command("train", recipe_file, "--out", tmp_path / "run", "--max-minutes", "0.00001")
    assert code == 0
    assert "Stopped (max_minutes)" in printed


BAD = [
    (["show", "resnet20_cfn"], "Did you mean 'resnet20_cfnn'"),
    (["train", "resnet20_cfnn_digit", "--out", "OUT"], "Did you mean 'resnet20_cfnn_digits'"),
    (["train", "RECIPE", "--out", "OUT", "--set", "momentun=0.9"], "Did you mean 'momentum'"),
    (["train", "RECIPE", "--out", "OUT", "--set", "momentum"], "must be KEY=VALUE"),
    (["train", "RECIPE", "--out", "OUT", "--set", "momentum=2"], "`momentum` must be in [0, 1)"),
    (["train", "RECIPE", "--out", "OUT", "--set", "rate=1.5"], "`rate` must be in [0, 1). Received: rate=1.5"),
    (["train", "RECIPE", "--out", "OUT", "--set", "options.samples=0"], "`samples` must be a positive int"),
    (["train", "RECIPE", "--out", "OUT", "--set", "samples=2"], "(the model's own is options.samples)"),
    (["tune", "resnet20_cfnn", "--out", "OUT", "--set", "samples=2"], "that is options.samples. Received: samples=2"),
    (["train", "RECIPE", "--out", "OUT", "--classes", "2"], "`classes` must be at least those of the data, 3 in"),
    (["train", "RECIPE", "--out", "OUT", "--weights", "nowhere"], "`start_from` must be the folder of a run, or what"),
    (["train", "ball_cfnn", "--out", "OUT"], "`model` must be a model of images"),
    (["train", "RECIPE", "--out", "OUT", "--set", "data=nowhere.npz"], "nowhere.npz"),
    (["train", "RECIPE", "--out", "OUT", "--set", "data=BROKEN"], "broken.npz"),
    (["train", "RECIPE", "--out", "OUT", "--set", "data=NAN"], "x_test"),
    (["train", "RECIPE", "--out", "OUT", "--max-minutes", "-1"], "`max_minutes` must be > 0"),
    (["train", "RECIPE", "--out", "RECIPE/run"], "Not a directory"),
    (["train", "resnet20_cfnn_cifar10", "--out", "OUT", "--data-dir", "OUT"], "data_dir"),
    (["evaluate", "nothing"], "Unknown name"),
    (["evaluate", "runs/nothing"], "`name` must be a model's name or the folder of a run"),
    (["evaluate", "resnet20_cfnn", "--weights", "imagenet"], "`weights` must be one of"),
    (["evaluate", "resnet20_cfnn", "--weights", "OUT/none.weights.h5"], "none.weights.h5"),
    (["evaluate", "resnet20_cfnn", "--split", "tests"], "`split` must be one of"),
    (["evaluate", "resnet20_cfnn", "--vote", "median"], "`vote` must be one of"),
    (["evaluate", "resnet20_cfnn", "--weights", "digits", "--plots", "RECIPE"], "`plots` must be a folder, or new"),
    (["evaluate", "resnet20_cfnn", "--weights", "digits", "--error", "0.1"], "--adaptive or --report is needed"),
    (["evaluate", "resnet20_cfnn", "--weights", "digits", "--adaptive", "--error", "1"], "`error` must be in (0, 1)"),
    (["evaluate", "resnet20_cfnn", "--weights", "digits", "--report", "RECIPE/a.html"], "`report` must be a file"),
    (["export", "nothing", "OUT"], "Unknown name"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_input_is_one_error_and_writes_nothing(zoo_command, recipe_file, tmp_path, arguments, message):
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not a zip")
    x, y = np.zeros((4, 8, 8, 1), "float32"), np.arange(4)
    np.savez(tmp_path / "nan.npz", x_train=x, y_train=y, x_test=x * np.nan, y_test=y)
    names = {"OUT": "out", "RECIPE": "tiny.json", "BROKEN": "broken.npz", "NAN": "nan.npz"}
    filled = []
    for argument in arguments:
        for name, file in names.items():
            argument = argument.replace(name, str(tmp_path / file))
        filled.append(argument)
    before = sorted(tmp_path.rglob("*"))
    code, _, errors = zoo_command(*filled)
    assert code == 1
    assert errors.startswith("error: ")
    assert message in errors
    assert "Traceback" not in errors
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("arguments", [("evaluate", "resnet20_cfnn", "--weights", "digits"), ("probe", "random_mlp")])
def test_a_folder_for_result_lines_is_refused_before_anything_is_computed(
    zoo_command, tmp_path, monkeypatch, arguments
):
    for module in ("training.trained.load_trained", "probe.probe"):
        monkeypatch.setattr(f"zoo.recipes.{module}", lambda *_, **__: pytest.fail("computed"))
    kept = tmp_path / "runs" / "model" / "best.weights.h5"
    kept.parent.mkdir(parents=True)
    kept.write_text("w")
    code, printed, errors = zoo_command(*arguments, "--out", tmp_path / "runs")
    assert (code, printed) == (1, "")
    assert errors.startswith("error: `out` must be a file of result lines, or new, in a folder. Received: out='")
    assert errors.count("\n") == 1
    assert kept.read_text() == "w"


def test_help_names_every_command_and_loads_no_data_library():
    code = """
import sys
from zoo.recipes.cli import app
print(*{"keras_tuner", "tensorflow_datasets", "tabulate"} & set(sys.modules))
app(["--help"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("\n")
    for command in ("list", "show", "train", "evaluate", "export", "tune", "quickstart"):
        assert command in done.stdout


@pytest.mark.every_backend
def test_training_needs_no_tensorflow(recipe_file, tmp_path):
    """On JAX, with data from an .npz file, augmentation included."""
    code = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tensorflow_datasets"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
sys.argv = ["zoo", "train", "resnet20_cfnn_digits", *sys.argv[1:]]
from zoo.recipes.cli import main
try:
    main()
except SystemExit as left:
    assert not left.code
assert "tensorflow" not in sys.modules
print("trained")
"""
    data = json.loads(recipe_file.read_text())["data"]
    settings = ["epochs=1", "depth=8", "options.samples=2", "samples=[1]", f"data={data}", "augment=crop_flip"]
    arguments = [part for setting in settings for part in ("--set", setting)]
    pytest.importorskip("jax")
    import os

    done = subprocess.run(
        [sys.executable, "-c", code, "--out", str(tmp_path / "run"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("trained")
    assert (tmp_path / "run/results.jsonl").is_file()
