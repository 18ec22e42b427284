"""Hypernetwork CFNN against its baseline and ablations over the depth of N_e: Tables 1, 2 and 4."""

from pathlib import Path

from zoo.recipes.experiments.experiment import Experiment, Row, Settings, budgets, register
from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.papers.coin_flipping.taken_runs import refuse_same_seeds, tested
from zoo.recipes.reporting.folders import in_turn
from zoo.recipes.reporting.sweep import write_report
from zoo.recipes.training import recipe as registered
from zoo.recipes.training.finished_run import finished_run, is_published, trained_options
from zoo.recipes.training.train import train

_METHODS = ("cfnn", "deterministic", "frozen")
_MODELS = {"cfnn": "hypernet_cfnn", "deterministic": "hypernet_deterministic", "frozen": "hypernet_deterministic"}
_DEPTH = 6  # of a recipe that says none
_NAMES = {"depth": "layers of the embedding network", "accuracy": "test accuracy, %"}
_SETTINGS: Settings = {
    "data": "cifar10",
    "depths": [2, 6, 10, 14, 20],
    "methods": list(_METHODS),
    "epochs": 200,
    "warmup_epochs": 0.6,
    "flips": 100,
    "repetitions": 3,
    "runs": "runs/hypernet",
    **{f"{method}_runs": [] for method in _METHODS},
}


def _points(settings: Settings) -> list[Row]:
    """Points: one per depth and method, or one per finished run of that depth that is taken over in its place."""
    return [
        {"depth": depth, "method": method, "taken": taken}
        for depth in settings["depths"]
        for method in settings["methods"]
        for taken in _of_depth(settings, method, depth) or [None]
    ]


def _of_depth(settings: Settings, method: str, depth: int) -> list[str]:
    key = f"{method}_runs"
    return [run for run in settings[key] if trained_options(key, run)[2].get("depth", _DEPTH) == depth]


def _check(settings: Settings, data_dir: str | None) -> str | None:
    """Refuse finished runs that do not belong to this table, before anything is trained."""
    for method in _METHODS:
        key = f"{method}_runs"
        if settings[key] and method not in settings["methods"]:
            raise ValueError(f"`{key}` must be empty where `methods` lacks {method!r}. Received: {settings[key]!r}")
        for run in settings[key]:
            _check_taken(settings, method, key, run)
        for depth in settings["depths"]:
            refuse_same_seeds(key, _of_depth(settings, method, depth))
    return data_dir


def _check_taken(settings: Settings, method: str, key: str, run: str) -> None:
    name, data, options = trained_options(key, run)
    depth = options.get("depth", _DEPTH)
    if name != _MODELS[method]:
        raise ValueError(f"`{key}` must be runs of {_MODELS[method]}. Received: {run!r}, a run of {name}")
    if data != settings["data"]:
        raise ValueError(f"`{key}` must be runs with data={settings['data']!r}. Received: {run!r}, {data!r}")
    if depth not in settings["depths"]:
        raise ValueError(f"`{key}` must be runs of a depth of {settings['depths']}. Received: {run!r}, {depth}")
    frozen = not is_published(run) and finished_run(key, run).recipe.frozen_from is not None
    if frozen != (method == "frozen"):
        kind = "of a frozen embedding" if method == "frozen" else "whose embedding was trained"
        raise ValueError(f"`{key}` must be runs {kind}. Received: {run!r}")


def _run(settings: Settings, point: Row, seed: int, data_dir: str | None) -> list[Row]:
    """Accuracy of one training; for the CFNN also that of its mean weights ("average weight" in Table 4)."""
    votes = ("majority", "expected") if point["method"] == "cfnn" else ("none",)
    if point["taken"]:
        options = {"data": settings["data"], "seed": seed, "data_dir": data_dir}
        rows, more = tested(f"{point['method']}_runs", point["taken"], settings["flips"], set(votes), **options)
    else:
        rows, more = _train(settings, point, seed, data_dir), {}
    results = {row["vote"]: row for row in rows}
    return [{**_accuracy(results[vote]), **more} for vote in votes]


def _report(rows: list[Row], out: Path) -> None:
    """Write table and figure; the CFNN's mean weights have the name that Table 4 has for them."""
    named = [{**row, "method": "average weight"} if row["vote"] == "expected" else row for row in rows]
    write_report(named, out, sweep="depth", measure="accuracy", names=_NAMES)


def _train(settings: Settings, point: Row, seed: int, data_dir: str | None) -> list[Row]:
    """Train in a folder of its own, where it also continues after a stop, and return the result lines."""
    depth, method = point["depth"], point["method"]
    folder = Path(settings["runs"]) / f"{settings['data']}-depth{depth}-epochs{settings['epochs']}-seed{seed}"
    changes = {"depth": depth, "seed": seed, **{key: settings[key] for key in ("epochs", "warmup_epochs")}}
    if method == "cfnn":
        changes["samples"] = [settings["flips"]]
    if method == "frozen":
        _train(settings, {**point, "method": "cfnn"}, seed, data_dir)  # its embedding is taken
        changes["frozen_from"] = str(folder / "cfnn")
    recipe = registered.find(f"{_MODELS[method]}_{settings['data']}").replace(changes)
    if method != "cfnn":
        return train(recipe, folder / method, data_dir=data_dir, resume=True)
    with in_turn(folder):  # another shard may want the same training, for its own row or for the frozen embedding
        return train(recipe, folder / method, data_dir=data_dir, resume=True)


def _accuracy(row: Row) -> Row:
    found = {key: row[key] for key in ("model", "data", "split", "samples", "vote", "correct", "n", "low", "high")}
    return {**found, "accuracy": 100 * row["accuracy"], "error": 1 - row["accuracy"]}


register(
    "hypernet-depth",
    Experiment(
        f"{TITLE}, Tables 1, 2 and 4",
        budgets(
            _SETTINGS,
            smoke={"data": "digits", "depths": [2], "epochs": 1, "warmup_epochs": 0.5, "flips": 5, "repetitions": 1},
            standard={"depths": [6], "epochs": 40, "repetitions": 1},
        ),
        points=_points,
        run=_run,
        report=_report,
        prepare=_check,
        choices={"methods": _METHODS, "data": ("cifar10", "cifar100", "digits")},
        variants={"data": {"cifar100": {"depths": [6, 10, 14, 20, 56]}}},
    ),
)
