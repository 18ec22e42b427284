"""Search for a model's best configuration: trials that can be resumed, a leaderboard, a recipe to train."""

import dataclasses
from pathlib import Path
from typing import Any

import keras

import zoo
from zoo.data.datasets import load
from zoo.files import read_json
from zoo.layers.arguments import check_known, positive_int
from zoo.recipes.reporting.folders import Folder, check_same, claimed
from zoo.recipes.reporting.quiet_tensorflow import quiet_tensorflow
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
    patience: int | None = None,
    options: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Search a model's options and its optimiser's for the largest validation accuracy, and print a leaderboard.

    Writes to `out`: `settings.json`, keras-tuner's state in a folder named after the model, `search.json`, which is
    that state after the last trial, `trials.jsonl`, and `best.json`, the recipe of the best trial with all of the
    `epochs`. A trial's score is that of its best epoch. A failed trial is shown and the others go on. Ctrl-C writes
    what is finished; the same call, with more `trials` if wanted, goes on. With more `epochs`, too: the finished
    trials train on first, the best ones before the others, each from its best epoch and as a trial of its own that
    `trials` does not count. The epochs of "hyperband" make its rounds: it takes a new folder.

    Several processes share a search if they share `out` and have keras-tuner's environment variables
    KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT, and KERASTUNER_TUNER_ID: "chief" of one, which trains nothing,
    writes the files and ends 20 seconds after its workers, and another one for each worker. A worker prints its
    trials; its call must be the chief's.

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
        patience: Positive int, a trial ends that many epochs after its best one; None goes through all epochs.
        options: The builder's options that are fixed, by name.

    Returns:
        The rows of `trials.jsonl`, as `zoo.recipes.tuning.trials.trial_row` gives them, in the order the trials began;
        those of its own trials to a worker.

    Raises:
        ValueError: Before the first trial, if an argument is outside its range, a name is unknown, the model refuses
            the fixed options, or `out` holds another search, a longer one, a damaged one, or one that another process
            runs, or some but not all of those environment variables are set.
        RuntimeError: If no trial succeeded.
        KeyboardInterrupt: On Ctrl-C, after writing; in the `zoo` command `zoo.stop_signals.Stopped`.
    """
    from zoo.recipes.tuning import tuners  # keras-tuner and scikit-learn only for who searches

    check_known("tuner", tuner, tuners.TUNERS)
    positive_int("trials", trials)
    if patience is not None:
        positive_int("patience", patience)
    role = tuners.role()
    settings = {"image_size": image_size, "epochs": epochs, "batch_size": batch_size, "seed": seed}
    recipe, model = _prepared(name, data, data_dir, options or {}, **settings)
    out = Path(out)
    settings = {"tuner": tuner, **recipe.to_dict(), "space": model.space}
    settings |= {} if patience is None else {"patience": patience}  # earlier searches have none
    record = {"settings": settings, **environment()}
    what = f"The search in {str(out)!r} has"
    if role == "worker":
        with tuners.os_errors():
            search: Any = tuners.make_tuner(tuner, model, out, trials=trials, epochs=epochs, seed=seed)
            search.oracle.get_space()  # waits for the chief, whose settings are written then
            check_same(read_json(out / "settings.json")["settings"], settings, what)
            return _work(search, recipe, patience)
    with claimed(out, "settings.json", record, _all_but_epochs, what=what) as folder:
        before = read_json(out / "settings.json")["settings"]["epochs"]
        if before > epochs or (before < epochs and tuner == "hyperband"):
            more = " or more" if before > epochs and tuner != "hyperband" else ""
            raise ValueError(f"{what} epochs={before!r} and goes on with as many{more}. Received: epochs={epochs!r}")
        snapshot = Snapshot(folder, name)
        snapshot.restore()
        with tuners.os_errors():
            search = tuners.make_tuner(
                tuner, model, out, trials=trials, epochs=epochs, seed=seed, before=before if before < epochs else None
            )
            search.snapshot = snapshot
            if before < epochs:
                snapshot.take()
                folder.write_json("settings.json", record)  # not before the trials say of how many epochs they are
            interrupt = _run(search, recipe, patience)
        return _finish(search, interrupt, recipe, folder)


def _all_but_epochs(record: dict[str, Any]) -> dict[str, Any]:
    """What may not differ in a folder's record; the epochs may grow."""
    settings = dict(record["settings"])
    del settings["epochs"]
    return settings


def _work(search: Any, recipe: Recipe, patience: int | None) -> list[dict[str, Any]]:
    """Run the trials that the chief gives to this worker."""
    with quiet_tensorflow(), Progress(search.oracle.max_trials, 0, recipe.epochs) as search.watcher:
        search.search(**_fitting(recipe, patience))
    return search.watcher.rows


def _prepared(name: str, data: str, data_dir: str | None, options: dict[str, Any], **settings: Any):
    """The recipe that the search completes, and the hypermodel; what is wrong with them is said here."""
    zoo.registry.find(name)
    recipe = Recipe(name=f"{name}_tuned", model=name, data=data, options=options, schedule="constant", **settings)
    recipe = with_absolute_paths(recipe)  # the best recipe can be trained from any folder
    model = zoo.tuning.hypermodel(name, load(recipe.data, data_dir, **recipe.loading()), seed=recipe.seed, **options)
    zoo.build(name, seed=recipe.seed, **model.fixed)  # or every trial would fail by the same fixed option
    return recipe, model


def _fitting(recipe: Recipe, patience: int | None) -> dict[str, Any]:
    """Arguments of the `fit` of every trial."""
    stop = [] if patience is None else [keras.callbacks.EarlyStopping("val_accuracy", patience=patience, mode="max")]
    return {"epochs": recipe.epochs, "batch_size": recipe.batch_size, "callbacks": stop, "verbose": 0}


def _run(search: Any, recipe: Recipe, patience: int | None) -> BaseException | None:
    """Run what is left of the search; a request to stop is returned, for there is something to write first."""
    done, trials = len(search.oracle.end_order), search.oracle.max_trials
    if search.oracle.trials:
        print(f"Going on with the search in {search.project_dir}: {done} of {trials} trials are done", flush=True)
    try:
        with quiet_tensorflow(), Progress(trials, done, recipe.epochs) as search.watcher:
            search.search(**_fitting(recipe, patience))
    except (KeyboardInterrupt, Stopped) as interrupt:
        return interrupt
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
    """Return the recipe of a trial; pruned weights are redrawn as in all trials, by the callback's own settings."""
    rates = {key: values[key] for key in ("learning_rate", "momentum")}
    options = {key: value for key, value in values.items() if key not in rates}
    callback = zoo.registry.find(recipe.model).callback
    if callback is not None:
        redraws = callback()
        recipe = dataclasses.replace(recipe, randomize_period=redraws.period, randomize_rate=redraws.rate)
    return dataclasses.replace(recipe, options={**recipe.options, **options}, **rates)


def _print_failures(rows: Rows) -> None:
    failed = [row for row in rows if row["status"] == "failed"]
    if failed:
        print("\nFailed:\n" + "\n".join(map(describe, failed)))
