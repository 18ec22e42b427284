"""Export a model as a SavedModel; of a coin-flipping one, the number of flips is chosen at run time."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras

from zoo.amplification.coin_graph import flipping_graph, has_coins, votes
from zoo.graph import check_model
from zoo.layers.score_masked import masked_layers
from zoo.serving.endpoints import endpoints, reseed, signatures, with_named_outputs
from zoo.serving.saved_model_folder import check_replaceable, replacement
from zoo.weights.fold import fold

_UNWRITABLE = 74  # exit code of the process that writes for other backends: EX_IOERR of <sysexits.h>


def export(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    overwrite: bool = False,
) -> None:
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

    Other inputs keep their dtypes: integers, as of tokens, stay integers, and the argument of a single such input has
    its name. The signatures, by which servers call the endpoints, have the same names; those of the endpoints for uint8
    are `serve_uint8` and the like. They give dicts of the model's `output_names`; `reseed` gives `seed`.
    With `class_names` there is `class_names()`, strings in the order of the classes.

    Calls in several threads at once may flip the same coins: each is a vote, but do not add them up.
    A fresh load flips coins of its own from the system's entropy; after `reseed(seed)` the flips that follow are the
    same in every process. Keep the loaded object alive while its endpoints are used.

    Args:
        model: A Functional or Sequential model.
        path: Folder to write; it appears whole or not at all.
        class_names: None, or the different names of the classes on the last axis of the model's one output (two names
            where it has one unit); `zoo.data` has those of a data set.
        overwrite: Whether a SavedModel at `path` may be replaced; it stays until the new one is whole. Nothing else is
            ever replaced: no folder in which anything else lies, no file, no link.

    Raises:
        FileExistsError: If `path` exists and `overwrite` is False, or it is no SavedModel or holds something else.
        OSError: If it cannot be written: a full disk, a folder that is read-only.
        ValueError: If the model is not Functional, or votes and cannot be amplified, `path` does not end in a name, or
            `class_names` are not names for its classes.
        ModuleNotFoundError: If TensorFlow is not installed.

    Example:
        >>> model = zoo.build("stochastic_mlp", seed=0)
        >>> zoo.export(model, "saved")
        >>> import os; os.path.isfile("saved/saved_model.pb")
        True
    """
    check_model(model)
    names = _checked(model, class_names)
    path = Path(path)
    check_replaceable(path, overwrite)
    if votes(model):
        flipping_graph(model)  # refuses what cannot be taken apart before anything is written
    elif masked_layers(model):
        model = fold(model)
    try:
        with replacement(path) as part:
            _write(model, part, names)
    except FileExistsError:
        raise
    except OSError as error:  # the name in it is that of a part, if any
        reason = error.strerror or str(error)
        raise OSError(
            f"`path` must be where a SavedModel can be written: {reason}. Received: path={str(path)!r}"
        ) from error


def _checked(model: keras.Model, class_names: Sequence[str] | None) -> list[str] | None:
    if class_names is None:
        return None
    units = [x.shape[-1] for x in model.outputs]
    wanted = [2 if one == 1 else one for one in units]
    names = list(class_names) if not isinstance(class_names, str) else []
    if wanted != [len(names)] or not all(isinstance(one, str) and one for one in names) or len(set(names)) < len(names):
        raise ValueError(
            "`class_names` must be None or different names, one for each class of the model's one output. Received: "
            f"class_names={class_names!r} for outputs of {', '.join(map(str, units))} units"
        )
    return names


def _write(model: keras.Model, folder: Path, class_names: list[str] | None) -> None:
    if keras.backend.backend() == "tensorflow":
        _write_archive(model, folder, class_names)
        return
    # Only TensorFlow writes SavedModels with variables that a loop assigns: a TensorFlow process does it.
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch) / "model.keras"
        model.save(saved)
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        command = [sys.executable, "-m", "zoo.serving.export", str(saved), str(folder), json.dumps(class_names)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == _UNWRITABLE:
        raise OSError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"The TensorFlow process that writes the SavedModel failed: {last}")


def _write_archive(model: keras.Model, folder: Path, class_names: list[str] | None) -> None:
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    fresh, coins = tf.Variable(tf.constant(True), trainable=False), has_coins(model)
    if coins:
        archive._tf_trackable.fresh = fresh  # Keras tracks layers only
    named = {}
    for name, function, extra in endpoints(model, fresh):
        numbers = [tf.TensorSpec((), dtype, name=argument) for argument, dtype in extra.items()]
        for inputs, suffix in zip(signatures(model), ("", "_uint8"), strict=False):
            function.get_concrete_function(*inputs, *numbers)
            named[name + suffix] = with_named_outputs(model, function, [*inputs, *numbers])
        archive.add_endpoint(name, function)
    named["serving_default"] = named["serve"]
    if coins:
        seed = [tf.TensorSpec((), "int64", name="seed")]
        start = archive.add_endpoint("reseed", reseed(model, fresh), seed)
        named["reseed"] = tf.function(lambda seed: {"seed": start(seed)}, seed).get_concrete_function()
    if class_names is not None:
        given = archive.add_endpoint("class_names", tf.function(lambda: tf.constant(class_names), []), [])
        named["class_names"] = tf.function(lambda: {"class_names": given()}, []).get_concrete_function()
    try:
        archive._filter_and_track_resources()  # as `write_out`, whose signatures call all outputs output_0
        tf.saved_model.save(archive._tf_trackable, str(folder), signatures=named)
    except tf.errors.OpError as error:  # what TensorFlow makes of a full disk and the like
        reason = error.message.splitlines()[0].rpartition("; ")[2]  # after the op, the device and the part's name
        raise OSError(re.sub(r" \[Op:\w+\]$", "", reason)) from error


def main() -> None:
    """Write the SavedModel of a `.keras` file: the TensorFlow process of the other backends."""
    try:
        _write_archive(keras.saving.load_model(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(_UNWRITABLE)


if __name__ == "__main__":
    main()
