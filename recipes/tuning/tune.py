"""Search for a model's best configuration: trials that can be resumed, a leaderboard, a recipe to train."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import zoo
from zoo.data.datasets import load
from zoo.layers.arguments import check_known, positive_int
from zoo.recipes.reporting.folders import Folder, claimed
from zoo.recipes.reporting.results import environment, result_lines
from zoo.recipes.training.absolute_paths import with_absolute_paths
from zoo.recipes.training.recipe import Recipe
from zoo.recipes.tuning.snapshot import Snapshot
from zoo.recipes.tuning.trials import Progress, Rows, describe, leaderboard, ranked, trial_row
from zoo.stop_signals import Stopped


def tune(
    name: str,
    out: str | Path,
    *,
    tuner: str = "random",
    trials: int = 10,
    epochs: int = 10,
    data: str = "digits",
    data_dir: str | None = None,
    image_size: int | tuple[int, int] | None = None,
    seed: int = 0,
    batch_size: int = 64,
    options: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Search a model's options and its optimiser's for the largest validation accuracy, and print a leaderboard.

    Writes to `out`: `settings.json`, keras-tuner's state in a folder named after the model, `search.json`, which is
    that state after the last trial, `trials.jsonl`, and `best.json`, the recipe of the best trial with all of the
    `epochs`. A trial's score is that of its best epoch. A failed trial is shown and the others go on. Ctrl-C writes
    what is finished; the same call, with more `trials` if wanted, goes on.

    Args:
        name: Name of a model.
        out: Folder of the search.
        tuner: "random", "hyperband" or "bayesian".
        trials: Positive int, trials in all; see `zoo.recipes.tuning.tuners.make_tuner`, for "hyperband" above all.
        epochs: Positive int, epochs of a trial; for "hyperband" of the longest ones.
        data: Name of a data set, or a path to a folder of images, a `.csv` or an `.npz` file.
        data_dir: Folder of the TensorFlow datasets.
        image_size: Height and width of the images, see `zoo.data.load`.
        seed: Int in [0, 2**32): configurations, initial weights, coins and order of the examples.
        batch_size: Positive int.
        options: The builder's options that are fixed, by name.

    Returns:
        The rows of `trials.jsonl`, as `zoo.recipes.tuning.trials.trial_row` gives them, in the order the trials began.

    Raises:
        ValueError: Before the first trial, if an argument is outside its range, a name is unknown, the model refuses
            the fixed options, or `out` holds another search, a damaged one, or one that another process runs.
        RuntimeError: If no trial succeeded.
        KeyboardInterrupt: On Ctrl-C, after writing; in the `zoo` command `zoo.stop_signals.Stopped`.
    """
    from zoo.recipes.tuning import tuners  # keras-tuner and scikit-learn only for who searches

    check_known("tuner", tuner, tuners.TUNERS)
    positive_int("trials", trials)
    settings = {"image_size": image_size, "epochs": epochs, "batch_size": batch_size, "seed": seed}
    recipe, model = _prepared(name, data, data_dir, options or {}, **settings)
    out = Path(out)
    settings = {"tuner": tuner, **recipe.to_dict(), "space": model.space}
    record = {"settings": settings, **environment()}
    what = f"The search in {str(out)!r} has"
    with claimed(out, "settings.json", record, lambda one: one["settings"], what=what) as folder:
        snapshot = Snapshot(folder, name)
        snapshot.restore()
        with tuners.os_errors():
            search: Any = tuners.make_tuner(tuner, model, out, trials=trials, epochs=epochs, seed=seed)
            search.snapshot = snapshot
            interrupt = _run(search, trials, recipe)
        return _finish(search, interrupt, recipe, folder)


def _prepared(name: str, data: str, data_dir: str | None, options: dict[str, Any], **settings: Any):
    """The recipe that the search completes, and the hypermodel; what is wrong with them is said here."""
    zoo.registry.find(name)
    recipe = Recipe(name=f"{name}_tuned", model=name, data=data, options=options, schedule="constant", **settings)
    recipe = with_absolute_paths(recipe)  # the best recipe can be trained from any folder
    model = zoo.tuning.hypermodel(name, load(recipe.data, data_dir, **recipe.loading()), seed=recipe.seed, **options)
    zoo.build(name, seed=recipe.seed, **model.fixed)  # or every trial would fail by the same fixed option
    return recipe, model


def _run(search: Any, trials: int, recipe: Recipe) -> BaseException | None:
    """Run what is left of the search; a request to stop is returned, for there is something to write first."""
    log = logging.getLogger("tensorflow")
    level = log.level
    done = len(search.oracle.end_order)
    if search.oracle.trials:
        print(f"Going on with the search in {search.project_dir}: {done} of {trials} trials are done", flush=True)
    log.setLevel("ERROR")  # every trial is another function: TensorFlow would warn that it compiles one again
    try:
        with Progress(trials, done, recipe.epochs) as search.watcher:
            search.search(epochs=recipe.epochs, batch_size=recipe.batch_size, verbose=0)
    except (KeyboardInterrupt, Stopped) as interrupt:
        return interrupt
    finally:
        log.setLevel(level)
    return None


def _finish(search: Any, interrupt: BaseException | None, recipe: Recipe, folder: Folder) -> list[dict[str, Any]]:
    """Write and print the trials; raise what a search ends with that did not end well."""
    trials = sorted(search.oracle.trials.values(), key=lambda trial: int(trial.trial_id))
    rows = [trial_row(trial, recipe.epochs) for trial in trials]
    folder.write("trials.jsonl", result_lines(rows))
    best = ranked(rows)
    if best:
        folder.write_json("best.json", _best(best[0]["values"], recipe).to_dict())
        print(f"\n{leaderboard(rows)}")
    _print_failures(rows)
    if interrupt:
        raise interrupt
    if not best:
        raise RuntimeError(f"None of {len(rows)} trials succeeded; the first {describe(rows[0])}")
    print(f"\nTrain the best: zoo train {folder.path / 'best.json'} --out FOLDER")
    return rows


def _best(values: dict[str, Any], recipe: Recipe) -> Recipe:
    rates = {key: values[key] for key in ("learning_rate", "momentum")}
    options = {key: value for key, value in values.items() if key not in rates}
    return dataclasses.replace(recipe, options={**recipe.options, **options}, **rates)


def _print_failures(rows: Rows) -> None:
    failed = [row for row in rows if row["status"] == "failed"]
    if failed:
        print("\nFailed:\n" + "\n".join(map(describe, failed)))
