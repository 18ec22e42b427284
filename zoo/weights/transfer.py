"""Weights of one model for another: all of them, or all but the head."""

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras

from zoo.layers.score_masked import masked_layers
from zoo.weights.head import without_head
from zoo.weights.pretrained import Weights
from zoo.weights.weights_file import UnfitError, stored_parameters

_CALLER = 4  # frames up to who called `zoo.build`


def give_weights(
    model: keras.Model,
    source: Weights,
    name: str,
    builder_of: Callable[[str], Callable[..., keras.Model]],
    options: dict[str, Any],
    *,
    head: bool = True,
    class_names: Sequence[str] | None = None,
) -> None:
    """Load weights into a model, all but the head where the weights have another one, or one of other classes.

    Args:
        model: The model.
        source: The weights. They are loaded, and checked, into the model that they were trained in if it is another.
        name: Registered name of `model`.
        builder_of: Function of a registered name that returns the builder.
        options: Options that `model` was built with.
        head: Whether the head is wanted: a warning says that it is not taken.
        class_names: Names of the model's classes, in their order; None where they are not known.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or the weights do not fit below the head; the message names what differs.
    """
    differ = how_classes_differ(source, class_names)
    if source.row is None:
        try:
            source.load(model)
        except UnfitError:
            original = _of_other_classes(model, source, builder_of(name), options)
            if original is None:
                raise
            original.name = original.name if source.is_supermask else name
            take_weights(model, original, str(source), head=head)
    elif source.are_of(name, model) and not differ:
        try:
            source.load(model)
        except UnfitError as error:
            raise ValueError(f"{source} do not fit: {_changed(source, builder_of(name), options) or error}") from error
    else:
        row = source.row
        original = builder_of(row["model"])(seed=0, **row["defaults"], **row["options"])
        original.name = row["model"]
        source.load(original)
        take_weights(model, original, str(source), head=head, differ=differ)


def how_classes_differ(source: Weights, class_names: Sequence[str] | None) -> str:
    """Say which class is another one in the weights than by these names; "" where none is, or it is not known."""
    for number, (theirs, ours) in enumerate(zip(source.class_names, class_names or (), strict=False)):
        if theirs != ours:
            return f"whose class {number} is {theirs!r} and not {ours!r}"
    return ""


def take_weights(model: keras.Model, original: keras.Model, what: str, *, head: bool = True, differ: str = "") -> None:
    """Give a model the weights of another: of all layers if they are alike, else of all below the head.

    A warning says that the head is not taken. The coins of `model` stay its own.

    Args:
        model: The model.
        original: The model whose weights are copied.
        what: Name of the weights, for a message.
        head: Whether the head is wanted; if not, there is no warning.
        differ: What is other about the original's classes, see `how_classes_differ`; its head is then not taken.

    Raises:
        ValueError: If the models differ below their heads; the message names the first difference.
    """
    ours, theirs = without_head(model), without_head(original)
    if difference := _difference(ours, theirs):
        raise ValueError(f"{what} do not fit {model.name!r}: {difference}")
    if not differ and _difference(model, original) is None:
        model.set_weights(original.get_weights())
        return
    ours.set_weights(theirs.get_weights())
    if head:
        why = f", {differ}," if differ and original.output_shape == model.output_shape else ""
        theirs_of, ours_of = (f"{one.output_shape[-1]} classes of {one.name!r}" for one in (original, model))
        warnings.warn(
            f"{what}: the head of {theirs_of}{why} is not taken. That of {ours_of} has its initial weights: train it",
            stacklevel=_CALLER,
        )


def _of_other_classes(model, source: Weights, builder: Callable[..., keras.Model], options: dict[str, Any]):
    """Return the model of a file that is not `model`'s, if a number of classes makes it fit; else None."""
    if source.is_supermask:
        from zoo.weights.supermask import load_supermask

        return load_supermask(source.path)  # such a file has its model
    if "classes" not in options:
        return None
    # Parameters grow by the same number with every class.
    classes, size = model.output_shape[-1], model.count_params()
    each = builder(**{**options, "classes": classes + 1}).count_params() - size
    more, rest = divmod(stored_parameters(source.path) - size, each) if each else (0, 0)
    if rest or not more or classes + more < 2:
        return None
    original = builder(**{**options, "classes": classes + more})
    try:
        source.load(original)
    except UnfitError:
        return None
    return original


def _changed(source: Weights, builder: Callable[..., keras.Model], options: dict[str, Any]) -> str:
    """Name the options that the weights do not bring and that are not the builder's own, with which they were trained.

    Nothing if there is none.
    """
    own = {name: one.default for name, one in inspect.signature(builder).parameters.items()}
    row = {**source.row["defaults"], **source.row["options"]} if source.row else {}
    changed = [key for key, value in options.items() if key not in row and value != own[key]]
    needed, received = (", ".join(f"{key}={one[key]!r}" for key in changed) for one in (own, options))
    return f"they need {needed}. Received: {received}" if changed else ""


def _difference(one: keras.Model, other: keras.Model) -> str | None:
    """Say where the weights of two models first differ; None if they are alike."""
    masked = [bool(masked_layers(model)) for model in (one, other)]
    if masked[0] != masked[1]:
        return (
            "kernels that stay random under a mask and kernels that are trained are not each other's. zoo.fold makes "
            "the ordinary network of a masked one"
        )
    sparsities = [[layer.sparsity for layer in masked_layers(model)] for model in (one, other)]
    if sparsities[0] and set(sparsities[0]) != set(sparsities[1]):
        return f"it has sparsity={sparsities[0][0]}, and they were trained at sparsity={sparsities[1][0]}"
    found, there = _variables(one), _variables(other)
    for (layer, shape), (their_layer, their_shape) in zip(found, there, strict=False):
        if type(layer) is not type(their_layer) or shape != their_shape:
            return (
                f"{layer.name!r} ({type(layer).__name__}) has a weight of shape {shape}, and theirs is {their_shape} "
                f"in {their_layer.name!r} ({type(their_layer).__name__}){_why(one, other)}"
            )
    if len(found) != len(there):
        return f"it has {len(found)} weights below its head, and they are {len(there)}"
    return None


def _why(one: keras.Model, other: keras.Model) -> str:
    sizes = [tuple(model.input_shape[1:]) for model in (one, other)]
    if sizes[0] == sizes[1]:
        return ""
    return f". Its layers depend on the images' size: the weights are of input_shape={sizes[1]}, not {sizes[0]}"


def _variables(model: keras.Model) -> list[tuple[keras.layers.Layer, tuple[int, ...]]]:
    return [(layer, tuple(weight.shape)) for layer in model.layers for weight in layer.weights]
