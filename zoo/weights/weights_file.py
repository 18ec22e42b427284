"""A `.weights.h5` file: whether it has exactly what a model would write."""

import math
from pathlib import Path

import keras

from zoo.weights.weights_bytes import as_keras_writes

_GROUPS = ("layers", "vars")  # what Keras reads into a model without an optimizer


class UnfitError(ValueError):
    """Raised where a file's variables are not the model's."""


def check_weights_file(path: Path, model: keras.Model) -> None:
    """Check that a file has the variables of a model, by name, shape and kind, stored as Keras does.

    States of random generators may be missing.

    Raises:
        UnfitError: If it has others.
        ValueError: If it cannot be read, or is not as Keras writes it.
    """
    import h5py

    found = _read(path)
    count = _parameters(found)
    if count != model.count_params():
        raise UnfitError(
            f"{path} holds {count:,} parameters and the model has {model.count_params():,}: it was saved for another "
            "configuration (classes, depth, input_shape, ...)"
        )
    with h5py.File(as_keras_writes(model)) as file:
        wanted = _variables(file)
    wrong = [name for name, has in found.items() if wanted.get(name) != has]
    wrong += [name for name in wanted if name not in found and not _is_state(name)]
    if wrong:
        has, wants = found.get(wrong[0], "nothing"), wanted.get(wrong[0], "nothing")
        raise UnfitError(
            f"{path} does not fit the model; was it saved from another one? {wrong[0]!r} is {has} and must be {wants}"
        )


def stored_parameters(path: Path) -> int:
    """Count the parameters in a file; raises as `check_weights_file` where it cannot be read."""
    return _parameters(_read(path))


def _read(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    import h5py

    try:
        with h5py.File(path) as file:
            return _variables(file)
    except ValueError as error:
        raise ValueError(f"{path} is not a .weights.h5 file as Keras writes it: {error}") from error
    except Exception as error:  # h5py raises half a dozen kinds for damaged files
        raise ValueError(f"{path} is not a readable .weights.h5 file; it may be truncated") from error


def _parameters(found: dict[str, tuple[tuple[int, ...], str]]) -> int:
    return sum(math.prod(shape) for name, (shape, _) in found.items() if not _is_state(name))


def _is_state(name: str) -> bool:
    return "seed_state" in name


def _variables(file) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and kind of the variables by name; anything but plain arrays in plain groups is refused."""
    import h5py

    found, met = {}, set()

    def visit(group, name: str) -> None:
        if group.get(name.rpartition("/")[2], getclass=True, getlink=True) is not h5py.HardLink:
            raise ValueError(f"{name!r} is a link")
        item = group[name.rpartition("/")[2]]
        if isinstance(item, h5py.Group):
            address = h5py.h5o.get_info(item.id).addr
            if address in met:
                raise ValueError(f"{name!r} is a group that has another name")
            met.add(address)
            for inner in item:
                visit(item, f"{name}/{inner}")
            return
        if not isinstance(item, h5py.Dataset) or item.external or item.is_virtual or item.chunks or item.shape is None:
            raise ValueError(f"{name!r} is not stored as a plain array")
        found[name] = item.shape, _kind(item)

    for name in _GROUPS:
        if name in file:
            visit(file, name)
    return found


def _kind(dataset) -> str:
    if dataset.attrs.get("dtype") == "bfloat16" and dataset.dtype.itemsize == 2:
        return "float"
    return {"f": "float", "i": "int", "u": "int", "b": "bool"}.get(dataset.dtype.kind, f"of dtype {dataset.dtype}")
