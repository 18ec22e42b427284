"""Export a model as a SavedModel; of a coin-flipping one, the number of flips is chosen at run time."""

import inspect
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras

from zoo.amplification.amplified import vote_on
from zoo.amplification.coin_graph import flipping_graph, has_coins, votes
from zoo.graph import check_model, ends
from zoo.layers.coins import coin_states
from zoo.layers.flip_rows import graph_of
from zoo.layers.score_masked import masked_layers
from zoo.serving.adaptive_endpoint import can_adapt, until_decided
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
    for name, function, extra in _endpoints(model, fresh):
        numbers = [tf.TensorSpec((), dtype, name=argument) for argument, dtype in extra.items()]
        for inputs in _signatures(model):
            function.get_concrete_function(*inputs, *numbers)
        archive.add_endpoint(name, function)
    if coins:
        archive.add_endpoint("reseed", _reseed(model, fresh), [tf.TensorSpec((), "int64", name="seed")])
    try:
        archive.write_out(str(folder), verbose=False)
    except tf.errors.OpError as error:  # what TensorFlow makes of a full disk and the like
        reason = error.message.splitlines()[0].rpartition("; ")[2]  # after the op, the device and the part's name
        raise OSError(re.sub(r" \[Op:\w+\]$", "", reason)) from error


def _signatures(model: keras.Model) -> list[list]:
    """Specifications of the inputs: float ones may also come as uint8."""
    import tensorflow as tf

    names = [x.name for x in model.inputs] if len(model.inputs) > 1 else ["images"]

    def specification(x, name, pixels: bool):
        dtype = x.dtype if not _is_float(x) else "uint8" if pixels else "float32"
        return tf.TensorSpec((None, *x.shape[1:]), dtype, name=name)

    kinds = [False, True] if any(map(_is_float, model.inputs)) else [False]
    return [[specification(x, name, pixels) for x, name in zip(model.inputs, names, strict=True)] for pixels in kinds]


def _is_float(x) -> bool:
    return keras.backend.is_float_dtype(x.dtype)


def _endpoints(model: keras.Model, fresh) -> list[tuple]:
    """(name, tf.function, dtypes of the arguments behind the inputs) of the endpoints that take images."""
    import tensorflow as tf

    coins = coin_states(model)

    def given(inputs):
        """Return the arguments in the structure and the dtypes of the model's inputs."""
        pairs = zip(inputs, model.inputs, strict=True)
        wide = [tf.cast(x, "float32" if _is_float(want) else want.dtype) for x, want in pairs]
        return keras.tree.pack_sequence_as(ends(graph_of(model))[0], wide)

    def wake() -> None:
        """Draw the coins' states from the system's entropy at the first call after loading."""

        def draw():
            for coin in coins:
                # seed 0, 0 asks TensorFlow for entropy whatever the global seed was when this was traced
                state = tf.raw_ops.RandomUniformInt(
                    shape=[2], minval=tf.int64.min, maxval=tf.int64.max, seed=0, seed2=0
                )
                coin.value.assign(tf.cast(state, coin.dtype))
            fresh.assign(False)

        if coins:
            tf.cond(fresh, draw, lambda: None)

    def serve(*inputs):
        wake()
        return model(given(inputs), training=False)

    def check_batch(inputs):
        tf.debugging.assert_positive(tf.shape(inputs[0])[0], "the batch must hold one example at least")

    def count(inputs, samples, vote):
        tf.debugging.assert_positive(samples, "`samples` must be a positive int")
        check_batch(inputs)
        wake()
        return vote_on(graph, given(inputs), samples)(vote)

    def vote(*inputs):
        return count(inputs[:-1], inputs[-1], "majority")

    def mean(*inputs):
        return count(inputs[:-1], inputs[-1], "mean")

    def single(*inputs):
        return count(inputs, tf.constant(1), "mean")

    def adaptive(*inputs):
        *inputs, error, max_samples = inputs
        inside = tf.logical_and(error > 0, error < 1)
        tf.debugging.Assert(inside, ["`error` must be in (0, 1). Received:", error])
        tf.debugging.assert_positive(max_samples, "`max_samples` must be a positive int")
        check_batch(inputs)
        wake()
        return decide(given(inputs), error, max_samples)

    found: list[tuple] = [("serve", serve, {})]
    if votes(model):
        graph = flipping_graph(model)
        flips = {"samples": "int32"}
        found += [("vote", vote, flips), ("mean", mean, flips), ("single", single, {})]
        if can_adapt(model):
            decide = until_decided(model)
            found.append(("adaptive", adaptive, {"error": "float32", "max_samples": "int32"}))
    names = [x.name for x in model.inputs] if len(model.inputs) > 1 else ["images"]
    return [(name, tf.function(_named(function, [*names, *extra])), extra) for name, function, extra in found]


def _named(function: Callable, names: list[str]) -> Callable:
    """Return the function with its arguments' names, by which a SavedModel's signature calls them."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    identifiers = [re.sub(r"\W", "_", name) for name in names]
    signature = inspect.Signature([inspect.Parameter(name, kind) for name in identifiers])

    def named(*arguments, **keywords):
        return function(*signature.bind(*arguments, **keywords).args)

    named.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    named.__name__ = function.__name__
    return named


def _reseed(model: keras.Model, fresh):
    import tensorflow as tf

    def reseed(seed):
        for index, coin in enumerate(coin_states(model)):
            key = tf.stack([seed, tf.constant(index, "int64")])
            bits = tf.random.stateless_uniform([2], key, None, None, coin.dtype)  # pyright: ignore[reportArgumentType]
            coin.value.assign(bits)
        fresh.assign(False)
        return seed

    return reseed


def main() -> None:
    """Write the SavedModel of a `.keras` file: the TensorFlow process of the other backends."""
    try:
        _write_archive(keras.saving.load_model(sys.argv[1]), Path(sys.argv[2]))
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(_UNWRITABLE)


if __name__ == "__main__":
    main()
