"""Registry of models: register a builder, build by name, list, describe."""

import fnmatch
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from zoo.layers.arguments import check_known


class Entry(NamedTuple):
    """Registered builder and what is said about it."""

    builder: Callable[..., keras.Model]
    paper: str
    section: str
    search: dict[str, Any]
    callback: Callable[..., keras.callbacks.Callback] | None = None

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
) -> Callable:
    """Register a builder under its own name.

    Args:
        paper: Title of the paper the model comes from.
        section: Place in the paper.
        search: Options worth searching: a list of choices, or a `(low, high)` range of ints or floats.
        callback: Constructor of the callback that training needs besides the model, called with `seed`; or None.

    Returns:
        A decorator that returns the builder unchanged.

    Raises:
        ValueError: If the name is taken, or `search` names an option the builder does not have.
    """

    def decorate(builder: Callable[..., keras.Model]) -> Callable[..., keras.Model]:
        name = builder.__name__
        if name in _MODELS:
            raise ValueError(f"A model is already registered under this name. Received: name={name!r}")
        entry = Entry(builder, paper, section, search=dict(search or {}), callback=callback)
        for option in entry.search:
            check_known("search", option, entry.options)
        _MODELS[name] = entry
        return builder

    return decorate


def build(
    name: str,
    *,
    weights: Any = None,
    seed: int | None = None,
    name_in_model: str | None = None,
    **options: Any,
) -> keras.Model:
    """Build a model by name.

    Args:
        name: A name from `list_models()`.
        weights: None for random weights, a name from `list_weights()`, or a path to a `.weights.h5` or
            `.supermask` file.
            Pretrained weights bring the options they were trained with; an option that contradicts them is refused.
        seed: None or int in [0, 2**32), of the initial weights and the coins. Loaded weights leave the coins to
            `seed`.
        name_in_model: Name of the Keras model; the registered name by default.
        **options: The builder's own keyword arguments, see `card(name)`.

    Returns:
        A plain Functional `keras.Model`. Models of images take float or uint8 pixels in [0, 255].

    Raises:
        ValueError: If the name, an option or the weights' name is unknown, or the weights do not fit or are damaged.
        FileNotFoundError: If `weights` is a path and there is no such file.

    Example:
        >>> model = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), depth=8, samples=3, seed=0)
        >>> model.name, model.output_shape
        ('resnet20_cfnn', (None, 10))
    """
    found = find(name)
    for option in options:
        check_known("option", option, found.options)
    if weights is None:
        model = found.builder(seed=seed, **options)
    else:
        from zoo.weights import pretrained  # h5py is slow to import and only needed for weights

        source = pretrained.find(name, weights)
        model = found.builder(seed=seed, **source.merge(options))
        source.load(model)
    model.name = name_in_model or name
    return model


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
    rows = [row for row in pretrained.manifest() if row["model"] == name]
    lines += ["", "## Weights", ""]
    lines += [f"- `{row['weights']}`: {pretrained.describe(row)}" for row in rows] or ["none"]
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
