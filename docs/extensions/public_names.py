"""The public names of the project, page by page of the reference; Sphinx is not needed to list them."""

import functools
import inspect
import re
from types import ModuleType
from typing import Any, NamedTuple

import keras

import zoo
from zoo import blocks, data, devices, layers, probes, scores, theory, tuning
from zoo.blocks import images, residual, weights
from zoo.serving import noise, vote_dataset


class Page(NamedTuple):
    """A page of the reference.

    Attributes:
        file: Its name.
        title: Its title.
        about: A sentence or two.
        names: Names as they are imported, in the order of the page.
    """

    file: str
    title: str
    about: str
    names: list[str]


@functools.cache
def pages() -> list[Page]:
    """List the pages of the reference."""
    return [
        Page("zoo", "zoo", "Build models by name, amplify, measure and export them.", _callables(zoo)),
        Page("layers", "zoo.layers", _about(layers), _callables(layers)),
        Page("models", "Models", "Builders of ``zoo.build(NAME, ...)``; each name is registered.", zoo.list_models()),
        Page("data", "zoo.data", _about(data), _callables(data)),
        Page("probes", "zoo.probes", _about(probes), [*_callables(probes), *_own(probes.gaussian_process)]),
        Page("scores", "zoo.scores", _about(scores), _callables(scores)),
        Page("theory", "zoo.theory", _about(theory), _own(theory)),
        Page("tuning", "zoo.tuning", _about(tuning), _own(tuning)),
        Page("devices", "zoo.devices", _about(devices), _own(devices)),
        Page("noise", "zoo.serving.noise", _about(noise), _own(noise)),
        Page(
            "vote_dataset",
            "zoo.serving.vote_dataset",
            _about(vote_dataset),
            [f"{vote_dataset.__name__}.{name}" for name in ("vote_dataset", "numbered")],
        ),
        Page(
            "blocks", "zoo.blocks", _about(blocks), [name for one in (images, residual, weights) for name in _own(one)]
        ),
    ]


@functools.cache
def links() -> dict[str, str]:
    """Map names as docstrings have them, short or qualified, to the qualified names that have an entry."""
    found: dict[str, str] = {}
    for page in pages():
        for name in page.names:
            short = name.rsplit(".", 1)[-1]
            found |= {name: name, name.removeprefix("zoo."): name}
            found.setdefault(short, name)
            found |= {f"{short}.{one}": f"{name}.{one}" for one in members(find(name))}
    return {short: name for short, name in found.items() if short not in _COMMON}


_COMMON = {"flips", "accuracy", "line", "data", "card", "build", "channels", "features", "masked", "linear", "trained"}
_KERAS = set(dir(keras.layers.Layer)) | set(dir(keras.callbacks.Callback)) | set(dir(keras.initializers.Initializer))


def _callables(module: ModuleType) -> list[str]:
    return [f"{module.__name__}.{name}" for name in module.__all__ if callable(getattr(module, name))]


def _own(module: ModuleType) -> list[str]:
    """List a module's public classes and functions that it defines itself, in their order."""
    return [
        f"{module.__name__}.{name}"
        for name, one in vars(module).items()
        if callable(one) and getattr(one, "__module__", "") == module.__name__ and not name.startswith("_")
    ]


def _about(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().replace("`", "``")


def find(name: str) -> Any:
    """Return what a name of a page stands for; one without a dot is a model's builder."""
    if "." not in name:
        return zoo.registry.find(name).builder
    one: Any = zoo
    for part in name.split(".")[1:]:
        one = getattr(one, part)
    return one


def members(one: Any) -> list[str]:
    """List what a class adds to Keras's: documented methods and properties, without the fields of a tuple."""
    if not inspect.isclass(one):
        return []
    kinds = (property, classmethod, staticmethod)
    told = re.findall(r"^    (\w+): ", (inspect.getdoc(one) or "").partition("Attributes:")[2], flags=re.MULTILINE)
    return [
        name
        for base in reversed(one.__mro__)
        if base.__module__.startswith("zoo.")
        for name, value in vars(base).items()
        if not name.startswith("_") and name not in told and name not in _KERAS
        if (inspect.isfunction(value) or isinstance(value, kinds)) and inspect.getdoc(getattr(one, name))
    ]
