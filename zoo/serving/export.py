"""Export a model as a SavedModel; of a coin-flipping one, the number of flips is chosen at run time."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import keras

from zoo.amplification.coin_graph import flipping_graph, has_coins, votes
from zoo.graph import check_model
from zoo.layers.score_masked import masked_layers
from zoo.serving.endpoints import endpoints, reseed, signatures
from zoo.serving.saved_model_folder import check_replaceable, replacement
from zoo.weights.fold import fold

_UNWRITABLE = 74  # exit code of the process that writes for other backends: EX_IOERR of <sysexits.h>


def export(model: keras.Model, path: str | os.PathLike, *, overwrite: bool = False) -> None:
    """Write a SavedModel that needs neither zoo nor layers nor Keras where it is loaded.

    A model without coins has one endpoint, `serve(images)`, or `serve(x, condition)` and the like where it has several
    inputs; of score-masked layers the file holds weight times mask. A model that flips coins without a vote has
    `reseed`, too.
    Endpoints of a coin-flipping model that votes; images are raw pixels in [0, 255], uint8 or float32,
    `(batch, height, width, channels)`, and several inputs or outputs are as the model has them:

    - `serve(images)`: the model as it is, with its own number of flips and vote, `(batch, classes)`;
    - `vote(images, samples)`: histogram of `samples` flips, an int32 scalar >= 1, ties to the soft vote;
    - `mean(images, samples)`: the soft vote of `samples` flips;
    - `single(images)`: class probabilities of one flip;
    - `adaptive(images, error, max_samples)`, of one vote on classes or labels: as many flips as each example needs, a
      dict of `classes`, `samples`, `status` and `counts` as in `zoo.adaptive_vote`; a float32 and an int32 scalar;
    - `reseed(seed)`: start all coins from an int64 scalar; returns it.

    Calls in several threads at once may flip the same coins: each is a vote, but do not add them up.
    A fresh load flips coins of its own from the system's entropy; after `reseed(seed)` the flips that follow are the
    same in every process. Keep the loaded object alive while its endpoints are used.

    Args:
        model: A Functional or Sequential model.
        path: Folder to write; it appears whole or not at all.
        overwrite: Whether a SavedModel at `path` may be replaced; it stays until the new one is whole. Nothing else is
            ever replaced: no folder in which anything else lies, no file, no link.

    Raises:
        FileExistsError: If `path` exists and `overwrite` is False, or it is no SavedModel or holds something else.
        OSError: If it cannot be written: a full disk, a folder that is read-only.
        ValueError: If the model is not Functional, or votes and cannot be amplified, or `path` does not end in a name.
        ModuleNotFoundError: If TensorFlow is not installed.

    Example:
        >>> model = zoo.build("stochastic_mlp", seed=0)
        >>> zoo.export(model, "saved")
        >>> import os; os.path.isfile("saved/saved_model.pb")
        True
    """
    check_model(model)
    path = Path(path)
    check_replaceable(path, overwrite)
    if votes(model):
        flipping_graph(model)  # refuses what cannot be taken apart before anything is written
    elif masked_layers(model):
        model = fold(model)
    try:
        with replacement(path) as part:
            _write(model, part)
    except FileExistsError:
        raise
    except OSError as error:  # the name in it is that of a part, if any
        reason = error.strerror or str(error)
        raise OSError(
            f"`path` must be where a SavedModel can be written: {reason}. Received: path={str(path)!r}"
        ) from error


def _write(model: keras.Model, folder: Path) -> None:
    if keras.backend.backend() == "tensorflow":
        _write_archive(model, folder)
        return
    # Only TensorFlow writes SavedModels with variables that a loop assigns: a TensorFlow process does it.
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch) / "model.keras"
        model.save(saved)
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        command = [sys.executable, "-m", "zoo.serving.export", str(saved), str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == _UNWRITABLE:
        raise OSError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"The TensorFlow process that writes the SavedModel failed: {last}")


def _write_archive(model: keras.Model, folder: Path) -> None:
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    fresh, coins = tf.Variable(tf.constant(True), trainable=False), has_coins(model)
    if coins:
        archive._tf_trackable.fresh = fresh  # Keras tracks layers only
    for name, function, extra in endpoints(model, fresh):
        numbers = [tf.TensorSpec((), dtype, name=argument) for argument, dtype in extra.items()]
        for inputs in signatures(model):
            function.get_concrete_function(*inputs, *numbers)
        archive.add_endpoint(name, function)
    if coins:
        archive.add_endpoint("reseed", reseed(model, fresh), [tf.TensorSpec((), "int64", name="seed")])
    try:
        archive.write_out(str(folder), verbose=False)
    except tf.errors.OpError as error:  # what TensorFlow makes of a full disk and the like
        reason = error.message.splitlines()[0].rpartition("; ")[2]  # after the op, the device and the part's name
        raise OSError(re.sub(r" \[Op:\w+\]$", "", reason)) from error


def main() -> None:
    """Write the SavedModel of a `.keras` file: the TensorFlow process of the other backends."""
    try:
        _write_archive(keras.saving.load_model(sys.argv[1]), Path(sys.argv[2]))
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(_UNWRITABLE)


if __name__ == "__main__":
    main()
