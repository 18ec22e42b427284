"""The `zoo` command: it parses and calls importable functions."""

import fnmatch
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import zoo
from zoo.stop_signals import EXIT_CODES, Stopped, listening

app = typer.Typer(
    name="zoo",
    help="Networks that use randomness as a resource: build, train, amplify, evaluate, export.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"coinflip-zoo {zoo.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Networks that use randomness as a resource: build, train, amplify, evaluate, export."""


DataDir = Annotated[str | None, typer.Option(help="Folder of the TensorFlow datasets.")]
ImageSize = Annotated[int | None, typer.Option(help="Height and width that images are resized to.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A recipe key or model option; options.samples are the model's flips, samples=[1,25] the evaluation's.",
    ),
]
Weights = Annotated[str | None, typer.Option(help="Name from `zoo list`, or a path to a .weights.h5 file.")]


@app.command("list")
def list_(pattern: Annotated[str, typer.Argument(help="Shell-style pattern of names.")] = "*") -> None:
    """List models, pretrained weights, recipes and experiments."""
    from zoo.layers.arguments import did_you_mean
    from zoo.recipes.experiments.experiment import names as experiments
    from zoo.recipes.training.recipe import names

    models = zoo.list_models(pattern)
    found = {
        "Models": models,
        "Weights": [
            f"{model}  {weights}"
            for model, weights in zoo.list_weights()
            if model in models or fnmatch.fnmatchcase(weights, pattern)
        ],
        "Recipes": fnmatch.filter(names(), pattern),
        "Experiments": fnmatch.filter(experiments(), pattern),
    }
    if not any(found.values()):
        hint = did_you_mean(pattern, [*zoo.list_models(), *names(), *experiments()])
        raise ValueError(
            f"No model, weights, recipe or experiment has such a name.{hint} Received: pattern={pattern!r}"
        )
    for title, lines in found.items():
        if lines:
            print(f"{title}:\n  " + "\n  ".join(lines))


@app.command()
def show(name: Annotated[str, typer.Argument(help="A model, a recipe (name or .json file) or an experiment.")]) -> None:
    """Describe a model (paper, options, weights), print a recipe or the settings of an experiment as JSON."""
    from zoo.layers.arguments import check_known
    from zoo.recipes.experiments import experiment
    from zoo.recipes.training.recipe import find, names

    if name in names() or name.endswith(".json"):
        print(json.dumps(find(name).to_dict(), indent=1))
        return
    check_known("name", name, [*zoo.list_models(), *names(), *experiment.names()])
    if name in experiment.names():
        found = experiment.find(name)
        print(json.dumps({"paper": found.paper, "settings": found.settings}, indent=1))
        return
    print(zoo.card(name))


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe (name or .json file), or a model's name.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    epochs: Annotated[int | None, typer.Option(help="Passes over the training split.")] = None,
    data: Annotated[str | None, typer.Option(help="Name of a data set, a folder, a .csv or .npz file.")] = None,
    image_size: ImageSize = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Weights to start from: a name, a .weights.h5 or .supermask file, a run."),
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Classes, if more than the data have.")] = None,
    data_dir: DataDir = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, coins, order and augmentation.")] = None,
    settings: Settings = None,
    devices: Annotated[int | None, typer.Option(help="Devices that share every batch; on JAX.")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Save the state and stop after this long.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in OUT, also for more --epochs than it had.")
    ] = False,
) -> None:
    """Train a recipe, or a model by its default recipe; Ctrl-C and SIGTERM save the state, --resume goes on from it."""
    with _stoppable("the same command and --resume"):
        from zoo.layers.arguments import check_known
        from zoo.recipes.reporting.votes import report
        from zoo.recipes.training.default_recipe import default_recipe
        from zoo.recipes.training.recipe import find, names, parse_settings
        from zoo.recipes.training.train import train as run

        given = {"epochs": epochs, "seed": seed, "data": data, "start_from": weights, "classes": classes}
        given = {key: value for key, value in {**given, "image_size": image_size}.items() if value is not None}
        given = {**parse_settings(settings), **given}
        models = zoo.list_models()
        if not recipe.endswith(".json"):
            check_known("recipe", recipe, {*names(), *models})
        by_model = recipe not in names() and recipe in models
        chosen = default_recipe(recipe, "start_from" in given) if by_model else find(recipe)
        chosen = chosen.replace(given)
        if by_model:
            print(f"{recipe} by its default recipe: {_settings(chosen)}\n")
        rows = run(chosen, out, data_dir=data_dir, resume=resume, max_minutes=max_minutes, devices=devices)
    print(f"\n{report(rows)}\n\nWritten to {out}")


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Name of a model, or the folder of a run.")],
    weights: Weights = None,
    data: Annotated[
        str | None, typer.Option(help="Name of a data set, a folder of images, a .csv or .npz file.")
    ] = None,
    data_dir: DataDir = None,
    image_size: ImageSize = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    samples: Annotated[str, typer.Option(help="Numbers of flips, separated by commas.")] = "1,5,25,100",
    vote: Annotated[str, typer.Option(help="majority, mean, expected or all.")] = "all",
    seed: Annotated[int, typer.Option(help="Seed of the coins.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Append the result lines to this file.")] = None,
    adaptive: Annotated[bool, typer.Option("--adaptive", help="Also flip until each class is certain.")] = False,
    error: Annotated[float | None, typer.Option(help="Of --adaptive: a certified class's error [0.01].")] = None,
    max_samples: Annotated[int | None, typer.Option(help="Of --adaptive: most flips of an image [1000].")] = None,
    margin: Annotated[float | None, typer.Option(help="Of --adaptive: a lead that makes no difference [0].")] = None,
    plots: Annotated[Path | None, typer.Option(help="Draw reliability.png, risk_coverage.png and so on here.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write all of it, with pictures, to this HTML file.")] = None,
) -> None:
    """Evaluate a trained model under every vote: accuracy with Wilson intervals, likelihood, calibration, risk."""
    from zoo.amplification.amplified import VOTES
    from zoo.layers.arguments import one_of
    from zoo.recipes.reporting.results import append_results, check_results_file
    from zoo.recipes.reporting.votes import report as as_text
    from zoo.recipes.training.data_to_evaluate import data_to_evaluate
    from zoo.recipes.training.evaluate import evaluate as run
    from zoo.recipes.training.trained import load_trained

    one_of("vote", vote, (*VOTES, "all"))
    one_of("split", split, ("train", "val", "test"))
    options = {"error": error, "max_samples": max_samples, "margin": margin}
    options = {name: value for name, value in options.items() if value is not None}
    if options and not (adaptive or report):
        raise ValueError(f"--adaptive or --report is needed for these options. Received: {options}")
    if out:
        check_results_file(out)
    built = load_trained(model, weights, seed)
    loaded = data_to_evaluate(built, data, data_dir, split=split, image_size=image_size)
    rows = run(
        built.model,
        getattr(loaded, split),
        _ints("samples", samples),
        None if vote == "all" else (vote,),
        adaptive=options if adaptive or options else None,
        plots=plots,
        report=report,
        recipe=built.recipe,
        weights=built.weights,
        data=data or built.data,
        class_names=loaded.class_names,
        split_name=split,
        seed=seed,
    )
    if out:
        append_results(out, rows)
    print(as_text(rows))
    if plots:
        last = ["flips_needed.png"] if any(row["vote"] == "adaptive" for row in rows) else []
        drawn = ["reliability.png", "risk_coverage.png", *last]
        print(f"\nDrawn: {', '.join(str(plots / name) for name in drawn)}")
    if report:
        print(f"\nWritten: {report}")


@app.command()
def probe(
    model: Annotated[str, typer.Argument(help="Name of a model, or the folder of a run.")],
    weights: Weights = None,
    points: Annotated[int, typer.Option(help="Points on the curve.")] = 1001,
    curve: Annotated[
        str, typer.Option(help="great_circle (an arc) or line, between two drawn points.")
    ] = "great_circle",
    seed: Annotated[int, typer.Option(help="Seed of weights and curve.")] = 0,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A model option.")] = None,
    out: Annotated[Path | None, typer.Option(help="Append the result lines to this file.")] = None,
) -> None:
    """Measure what each layer does to a curve of inputs: length, growth and sign changes, coins at their mean."""
    from zoo.recipes.probe import probe as run
    from zoo.recipes.probe import table
    from zoo.recipes.reporting.results import append_results, check_results_file
    from zoo.recipes.training.recipe import parse_settings

    if out:
        check_results_file(out)
    rows = run(model, weights, parse_settings(settings), seed=seed, points=points, curve=curve)
    if out:
        append_results(out, rows)
    print(table(rows))


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="Name of a model, or the folder of a run.")],
    path: Annotated[Path, typer.Argument(help="Folder to write to.")],
    weights: Weights = None,
    seed: Annotated[int, typer.Option(help="Seed of the coins.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace PATH if it exists.")] = False,
    format: Annotated[str, typer.Option(help="saved_model, onnx, openvino or litert.")] = "saved_model",
    coins: Annotated[str, typer.Option(help="live, off, or input: random numbers are inputs.")] = "live",
    samples: Annotated[int | None, typer.Option(help="Flips that vote; None is the model's.")] = None,
    serving: Annotated[bool, typer.Option("--serving", help="Write PATH/1, or the next version after those.")] = False,
    max_samples: Annotated[int | None, typer.Option(help="The most flips a caller may ask for.")] = None,
    class_names: Annotated[
        str | None, typer.Option(help="Names of the classes: a,b,c or a file of one a line; None is the run's own.")
    ] = None,
) -> None:
    """Export a trained model; a SavedModel that flips coins has endpoints vote, mean, single, adaptive and reseed."""
    from zoo.recipes.training.class_names import class_names_of
    from zoo.recipes.training.trained import load_trained

    trained = load_trained(model, weights, seed)
    names = class_names_of(class_names, trained.class_names, trained.model.output_shape[-1])
    made = trained.model if samples is None else zoo.amplify(trained.model, samples)
    options = {"format": format, "coins": coins, "serving": serving, "max_samples": max_samples}
    written = zoo.export(made, path, class_names=names, overwrite=overwrite, **options)
    print(f"Written to {written}")


@app.command()
def tune(
    name: Annotated[str, typer.Argument(help="Name of a model.")],
    out: Annotated[Path, typer.Option(help="Folder of the search; the same command goes on with it.")],
    tuner: Annotated[str, typer.Option(help="random, hyperband or bayesian.")] = "random",
    trials: Annotated[int, typer.Option(help="Trainings in all.")] = 10,
    epochs: Annotated[int, typer.Option(help="Epochs of a trial; hyperband gives all of them to winners only.")] = 10,
    data: Annotated[str, typer.Option(help="Name of a data set, a folder, a .csv or .npz file.")] = "digits",
    data_dir: DataDir = None,
    image_size: ImageSize = None,
    patience: Annotated[
        int | None, typer.Option(help="End a trial that many epochs after its best one; None is all epochs.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of configurations, weights, coins and order.")] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Fix an option (flips: options.samples).")
    ] = None,
) -> None:
    """Search a model's options and its optimiser's; the best is written as a recipe for `zoo train`."""
    with _stoppable("the same command"):
        from zoo.recipes.training.recipe import model_options, parse_settings
        from zoo.recipes.tuning.tune import tune as run

        options = model_options(parse_settings(settings))
        given = {"tuner": tuner, "trials": trials, "epochs": epochs, "data": data, "data_dir": data_dir, "seed": seed}
        run(name, out, **given, image_size=image_size, patience=patience, options=options)


@app.command()
def reproduce(
    name: Annotated[str | None, typer.Argument(help="Name of an experiment from `zoo reproduce --list`.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; the same command goes on with it.")] = None,
    budget: Annotated[str, typer.Option(help="smoke, standard or paper.")] = "standard",
    repetitions: Annotated[int | None, typer.Option(help="Runs per point, each with a seed of its own.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of targets, data, weights and order.")] = 0,
    data_dir: DataDir = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, see `zoo show NAME`.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="k/N", help="Make every N-th run only, from the k-th on.")
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Put the rows of all shards in OUT together.")] = False,
    executor: Annotated[
        str | None, typer.Option(help="Run shards as jobs: submitit (SLURM if it is there) or local (processes).")
    ] = None,
    shards: Annotated[int | None, typer.Option(help="Of --executor: number of jobs.")] = None,
    job: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Of --executor: slurm_partition=gpu, timeout_min=60.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List experiments: place, data, minutes, rows.")] = False,
    coverage: Annotated[bool, typer.Option("--coverage", help="List the papers' tables and figures.")] = False,
) -> None:
    """Reproduce a paper's experiment: rows, a table and a figure; Ctrl-C loses the current run only."""
    with _stoppable("--merge once its jobs have ended, or the same command" if executor else "the same command"):
        from zoo.recipes.experiments.catalogue import catalogue
        from zoo.recipes.experiments.coverage import coverage as covered
        from zoo.recipes.experiments.jobs import reproduce_in_jobs
        from zoo.recipes.experiments.reproduce import merge as merged
        from zoo.recipes.experiments.reproduce import reproduce as run
        from zoo.recipes.training.recipe import parse_settings

        if list_ or coverage:
            print(catalogue() if list_ else covered())
            return
        if name is None:
            raise typer.BadParameter("name an experiment, or ask for --list", param_hint="NAME")
        if out is None:
            raise typer.BadParameter("a folder is needed", param_hint="--out")
        _check_shards(shard, merge, executor, shards, job)
        given = {"settings": parse_settings(settings), "repetitions": repetitions, "seed": seed, "data_dir": data_dir}
        if merge:
            _check_merge(budget=budget, **given)
            merged(name, out)
        elif executor:
            given |= {"budget": budget, "shards": shards, "job": parse_settings(job)}
            reproduce_in_jobs(name, out, executor=executor, **given)
        else:
            run(name, out, budget=budget, shard=shard, **given)
    print(f"Written to {out}")


def _check_shards(shard, merge, executor, shards, job) -> None:
    if sum(map(bool, (shard, merge, executor))) > 1:
        given = {"--shard": shard, "--merge": merge, "--executor": executor}
        named = ", ".join(option for option, value in given.items() if value)
        raise ValueError(f"Only one of --shard, --merge and --executor can be given. Received: {named}")
    if bool(executor) != bool(shards) or (job and not executor):
        received = f"--executor {executor}, --shards {shards}, --job {job}"
        raise ValueError(f"--executor and --shards go together, and --job with them. Received: {received}")


def _check_merge(**given) -> None:
    """Refuse options that shards were made with: `merge` goes by what the shards say of themselves."""
    unset = {"budget": "standard", "settings": {}, "repetitions": None, "seed": 0, "data_dir": None}
    names = {"settings": "--set", "data_dir": "--data-dir"}
    more = [names.get(key, f"--{key}") for key, value in given.items() if value != unset[key]]
    if more:
        raise ValueError(f"--merge takes these from the shards; leave them out. Received: {', '.join(more)}")


@app.command()
def quickstart(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("quickstart"),
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 0,
) -> None:
    """Train on digits, amplify, draw, export and vote in another process: two to three minutes, no network."""
    from zoo.recipes.quickstart import quickstart as run

    run(out, seed=seed)


def _settings(recipe) -> str:
    """Return what decides a training, in one line."""
    left = ("name", "model", "paper", "samples")
    values = {key: value for key, value in recipe.to_dict().items() if key not in left and value not in (None, {})}
    return ", ".join(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in values.items())


@app.command("completion")
def completion_(shell: Annotated[str, typer.Argument(help="bash or zsh.")]) -> None:
    """Print a script that completes this command: eval "$(zoo completion bash)" in ~/.bashrc."""
    from zoo.data.datasets import NAMES
    from zoo.recipes.completion import completion
    from zoo.recipes.experiments.experiment import names as experiments
    from zoo.recipes.training.recipe import names

    models = zoo.list_models()
    takes = dict.fromkeys(("evaluate", "probe", "export", "tune"), models)
    takes |= {"train": [*names(), *models], "reproduce": experiments(), "completion": ["bash", "zsh"]}
    takes |= {name: [*models, *names(), *experiments()] for name in ("list", "show")}
    words, values = {}, {}
    for name, command in typer.main.get_command(app).commands.items():
        options = [one for one in command.params if one.opts[0][0] == "-"]
        words[name] = [*(option for one in options for option in one.opts), *takes.get(name, [])]
        values |= {option: [] for one in options if not one.is_flag for option in one.opts}
    values |= {"--data": NAMES, "--weights": sorted({weights for _, weights in zoo.list_weights()})}
    print(completion(shell, words, values), end="")


@contextmanager
def _stoppable(again: str) -> Iterator[None]:
    """Say how to go on with what was asked to stop; what is on the disk is whole at any moment."""
    try:
        yield
    except Stopped as stopped:
        print(f"Stopped ({stopped.reason}); what is finished is saved. Go on with {again}.")
        raise typer.Exit(EXIT_CODES[stopped.reason]) from None


def _ints(name: str, text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise ValueError(f"`{name}` must be ints separated by commas. Received: {name}={text!r}") from None


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr, flush=True)


def main() -> None:
    """Run the command; an expected error is one line on stderr and exit code 1, a signal one line and its code."""
    with listening(), warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            app()
        except Stopped as stopped:
            print(f"Stopped ({stopped.reason}).", file=sys.stderr)
            sys.exit(EXIT_CODES[stopped.reason])
        except (ValueError, OSError, ImportError, RuntimeError) as error:
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    main()
