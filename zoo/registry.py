"""Registry of models: register a builder, build by name, list, describe."""

import fnmatch
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras

from zoo.data.named_classes import check_class_names
from zoo.layers.arguments import boolean, check_known
from zoo.weights.preset import remember


class Entry(NamedTuple):
    """Registered builder and what is said about it."""

    builder: Callable[..., keras.Model]
    paper: str
    section: str
    search: dict[str, Any]
    callback: Callable[..., keras.callbacks.Callback] | None = None
    twin: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of the builder with their defaults, without `seed`."""
        parameters = inspect.signature(self.builder).parameters.values()
        return {p.name: p.default for p in parameters if p.name != "seed"}


_MODELS: dict[str, Entry] = {}


def register(
    paper: str,
    section: str,
    search: dict[str, Any] | None = None,
    callback: Callable[..., keras.callbacks.Callback] | None = None,
    twin: str | None = None,
) -> Callable:
    """Register a builder under its own name.

    Args:
        paper: Title of the paper the model comes from.
        section: Place in the paper.
        search: Options worth searching: a list of choices, or a `(low, high)` range of ints or floats.
        callback: Constructor of the callback that training needs besides the model, called with `seed`; or None.
        twin: Name of the registered model that has the same layers with weights, at least below the head; or None.
            Each of the two takes the weights published for the other.

    Returns:
        A decorator that returns the builder unchanged.

    Raises:
        ValueError: If the name is taken, `search` names an option the builder does not have, or `twin` is unknown.
    """
    if twin is not None:
        check_known("twin", twin, _MODELS)

    def decorate(builder: Callable[..., keras.Model]) -> Callable[..., keras.Model]:
        name = builder.__name__
        if name in _MODELS:
            raise ValueError(f"A model is already registered under this name. Received: name={name!r}")
        entry = Entry(builder, paper, section, search=dict(search or {}), callback=callback, twin=twin)
        for option in entry.search:
            check_known("search", option, entry.options)
        _MODELS[name] = entry
        return builder

    return decorate


def build(
    name: str,
    *,
    weights: Any = None,
    include_top: bool = True,
    coins: bool = True,
    class_names: Sequence[str] | None = None,
    seed: int | None = None,
    name_in_model: str | None = None,
    **options: Any,
) -> keras.Model:
    """Build a model by name.

    Args:
        name: A name from `list_models()`.
        weights: None for random weights, a name from `list_weights()`, a path to a `.weights.h5` or `.supermask` file,
            or a preset: a folder of `save_preset`, or "hf://user/repo" (also "hf://user/repo@revision") on a hub. A
            published name comes before a folder of that name, which is "./NAME". A model takes the names of its twin,
            too (`resnet20_dropout` those of `resnet20_cfnn`); "MODEL:NAME" says whose weights are meant, as
            `hypernet_cfnn` and its twin have the same names. Pretrained weights bring the options they were trained
            with, and an option that contradicts them is refused, but for `classes` and `input_shape`. With other
            `classes`, and from a twin that has another head, all weights are taken but those of the head (the last
            linear layer and what makes its weights), and a warning says so. Another `input_shape` is possible where no
            layer depends on it, behind global pooling.
        include_top: Bool. False gives a model of images without its head: it returns the features that the last linear
            layer would take. Coins flip as in the whole model with the same seed. Where features are random there is a
            row per flip, `(batch * samples, features)`, those of one image contiguous, as `MajorityVote` takes them
            behind a head of your own. `hypernet_cfnn` has all of its coins in the head: a row per image.
        coins: Bool. False, which goes with `include_top=False`, replaces every coin by its mean: one row per image,
            `(batch, features)`, the same at every call.
        class_names: Names of your classes, as `zoo.data.load(...).class_names`; `classes` is their number by default.
            The head of pretrained weights is taken if it has the same names in the same order, and otherwise left, as
            of another number of classes. None takes it wherever it fits, as do weights whose classes are not known: a
            file's and a preset's.
        seed: None (drawn; `keras.utils.set_random_seed` fixes it) or int in [0, 2**32), of the initial weights and
            the coins. Loaded weights leave the coins to `seed`.
        name_in_model: Name of the Keras model; the registered name by default.
        **options: The builder's own keyword arguments, see `card(name)`.

    Returns:
        A plain Functional `keras.Model`. Models of images take float or uint8 pixels in [0, 255], with the channels on
        the last axis whatever Keras's data format is.

    Raises:
        ValueError: If the name, an option or the weights' name is unknown, the weights do not fit or are damaged, there
            are more `class_names` than `classes`, or `include_top` or `coins` is False where it cannot be.
        FileNotFoundError: If `weights` is a path and there is no such file.

    Example:
        >>> model = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), depth=8, samples=3, seed=0)
        >>> model.name, model.output_shape
        ('resnet20_cfnn', (None, 10))
        >>> base = zoo.build("resnet20_cfnn", weights="digits", include_top=False, samples=3)
        >>> mine = keras.Model(base.input, layers.MajorityVote(3)(keras.layers.Dense(2)(base.output)))
        >>> base.output_shape, mine.output_shape
        ((None, 64), (None, 2))
    """
    found = find(name)
    _check_top(name, found, include_top, coins)
    for option in options:
        check_known("option", option, found.options)
    options = _with_classes(name, found, options, class_names)
    if weights is None:
        model = found.builder(seed=seed, **options)
    else:
        from zoo.weights.transfer import give_weights  # h5py is slow to import and only needed for weights

        source = find_weights(name, weights)
        options = source.merge(options, found.options)
        model = found.builder(seed=seed, **options)
        model.name = name
        give_weights(
            model, source, name, lambda one: find(one).builder, options, head=include_top, class_names=class_names
        )
    if not include_top:
        from zoo.weights.head import without_head

        model = without_head(model, coins)
    else:
        remember(model, name, {**found.options, **options})
    model.name = name_in_model or name
    return model


def _check_top(name: str, found: Entry, include_top: Any, coins: Any) -> None:
    boolean("include_top", include_top)
    boolean("coins", coins)
    if not include_top and not {"input_shape", "classes"} <= set(found.options):
        raise ValueError(
            "`include_top` must be True but for models of images, with the options input_shape and classes. "
            f"Received: include_top=False for {name!r}"
        )
    if include_top and not coins:
        raise ValueError(
            "`coins` must be True unless include_top=False: zoo.amplify(model, 1, 'expected') replaces the coins of a "
            "whole model by their mean. Received: coins=False"
        )


def _with_classes(name: str, found: Entry, options: dict[str, Any], class_names: Any) -> dict[str, Any]:
    """Options with the number of classes, by their names."""
    names = check_class_names(class_names)
    if names is None:
        return options
    if "classes" not in found.options:
        raise ValueError(f"`class_names` must be None, as {name!r} has no option classes. Received: {class_names!r}")
    options = {"classes": len(names), **options}
    if isinstance(options["classes"], int) and options["classes"] < len(names):
        raise ValueError(
            f"`classes` must be at least the number of class_names, {len(names)}. Received: {options['classes']}"
        )
    return options


def find_weights(name: str, weights: Any):
    """Return the `Weights` that `build(name, weights=weights)` loads, and raise as it does."""
    from zoo.weights import pretrained
    from zoo.weights.preset import find_preset

    return (
        pretrained.find_published(name, weights, twins(name))
        or find_preset(weights, lambda one: find(one).options, lambda one: find(one).builder)
        or pretrained.find_file(name, weights, twins(name))
    )


def twins(name: str) -> list[str]:
    """List the models whose published weights a model takes under the same names."""
    return [one for one, entry in _MODELS.items() if name == entry.twin or one == find(name).twin]


def list_models(pattern: str = "*") -> list[str]:
    """List the names of the registered models that match a shell-style pattern, sorted.

    Args:
        pattern: Pattern with `*`, `?` and `[...]`.

    Returns:
        List of names; empty if none matches.

    Example:
        >>> zoo.list_models("*cfnn")
        ['ball_cfnn', 'cone_cfnn', 'hypernet_cfnn', 'resnet20_cfnn', 'tangent_cfnn']
    """
    return sorted(fnmatch.filter(_MODELS, pattern))


def card(name: str) -> str:
    """Describe a model in Markdown: paper, options with their defaults, pretrained weights with their scores.

    Args:
        name: A name from `list_models()`.

    Returns:
        Text of several lines.

    Raises:
        ValueError: If the name is unknown.

    Example:
        >>> print(zoo.card("resnet20_cfnn"))
        # resnet20_cfnn
        <BLANKLINE>
        ResNet-20 with dropout as its coin: ...
    """
    from zoo.weights import pretrained

    found = find(name)
    text, described = _as_markdown(found.builder.__doc__ or "")
    lines = [f"# {name}", "", text, ""]
    lines += [f"Paper: {found.paper}, {found.section}", "", "## Options", ""]
    lines += [f"- `{option}` = `{default!r}`{described.get(option, '')}" for option, default in found.options.items()]
    lines += ["", "## Weights", ""]
    lines += [
        f"- `{'' if row['model'] == name else row['model'] + ':'}{row['weights']}`: {pretrained.describe(row)}"
        for row in sorted(pretrained.manifest(), key=lambda row: row["model"] != name)
        if row["model"] in (name, *twins(name))
    ] or ["none"]
    return "\n".join(lines)


def _as_markdown(docstring: str) -> tuple[str, dict[str, str]]:
    """Text of a docstring without its arguments, and `: description` of each argument."""
    paragraphs, described = [], {}
    for paragraph in inspect.cleandoc(docstring).split("\n\n"):
        title, _, body = paragraph.partition("\n")
        body = textwrap.dedent(body)
        if title == "Args:":
            items = re.findall(r"^(\w+): (.+(?:\n +.+)*)", body, flags=re.MULTILINE)
            described = {argument: f": {' '.join(text.split())}" for argument, text in items}
        elif title == "Example:":
            paragraphs.append(f"Example:\n\n```python\n{body}\n```")
        elif title in ("Returns:", "Raises:"):
            paragraphs.append(f"{title} {' '.join(body.split())}")
        else:
            paragraphs.append(paragraph)
    return "\n\n".join(paragraphs), described


def find(name: str) -> Entry:
    """Return the registered builder, its paper and its search space.

    Raises:
        ValueError: If the name is unknown; the message shows the nearest one.
    """
    check_known("name", name, _MODELS)
    return _MODELS[name]
