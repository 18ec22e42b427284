"""bare: a model's graph without what compiling added."""

import keras


def uncompiled(model: keras.Model) -> keras.Model:
    """The same layers, variables and name as an uncompiled Functional model.

    Raises:
        ValueError: If `model` is neither Functional nor a built Sequential model.
    """
    if isinstance(model, keras.Sequential):
        ends = (model.inputs[0], model.outputs[0]) if getattr(model, "inputs", None) else None
    else:
        ends = (model.input, model.output) if hasattr(model, "_nodes_by_depth") else None
    if ends is None:
        raise ValueError(
            f"`model` must be a Functional model, or a Sequential one that is built. Received: {describe(model)}"
        )
    return keras.Model(*ends, name=model.name)


def describe(model) -> str:
    """Class and name of what should have been a model, for an error's message."""
    return f"{type(model).__name__} {model.name!r}" if isinstance(model, keras.Model) else repr(model)


def check_one_input(model: keras.Model) -> None:
    """Raise a `ValueError` if the model has several inputs."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        names = ", ".join(x.name for x in inputs)
        raise ValueError(f"`model` must have one input. Received: {describe(model)} with inputs {names}")
