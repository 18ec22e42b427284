"""A model's weights as Keras stores them, in the compact groups of HDF5 1.10: for ResNet-20 an eighth smaller."""

import io
import os
from pathlib import Path

import keras

from zoo.files import write_bytes


class _Memory(io.BytesIO):
    """File in memory under a name, which Keras asks of what it writes weights to."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def as_keras_writes(model: keras.Model) -> io.BytesIO:
    """Return a file in memory of a model's weights. HDF5 itself ends the process where it meets a full disk."""
    file = _Memory()
    keras.saving.save_weights(model, file)
    return file


def weights_bytes(model: keras.Model) -> bytes:
    """Return the content of a `.weights.h5` file."""
    import h5py

    compact = io.BytesIO()
    with h5py.File(as_keras_writes(model)) as source, h5py.File(compact, "w", libver=("v108", "v110")) as target:
        _copy(source, target)
    return compact.getvalue()


def write_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Write all of a model's weights to a `.weights.h5` file that is either whole or as it was."""
    data = weights_bytes(model)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)


def _copy(source, target) -> None:
    """Copy a group of arrays and groups; HDF5's own copy keeps the form that a group has."""
    target.attrs.update(source.attrs)
    for name, one in source.items():
        if hasattr(one, "items"):
            _copy(one, target.create_group(name))
        else:
            source.copy(one, target, name)
