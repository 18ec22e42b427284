"""Export a model as a SavedModel; of a coin-flipping one, the number of flips is chosen at run time."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras

from zoo.amplification.halves import flipping_graph, has_coins
from zoo.files import atomic
from zoo.graph import check_one_input
from zoo.layers.coins import coin_states
from zoo.layers.majority_vote import elect, tally
from zoo.layers.score_masked import masked_layers
from zoo.weights.fold import fold


def export(model: keras.Model, path: str | os.PathLike, *, overwrite: bool = False) -> None:
    """Write a SavedModel that needs neither zoo nor layers nor Keras where it is loaded.

    A model without coins has one endpoint, `serve(images)`, or `serve(x, condition)` and the like where it has several
    inputs; of score-masked layers the file holds weight times mask.
    Endpoints of a coin-flipping model; images are raw pixels in [0, 255], uint8 or float32,
    `(batch, height, width, channels)`:

    - `serve(images)`: the model as it is, with its own number of flips and vote, `(batch, classes)`;
    - `vote(images, samples)`: histogram of `samples` flips, an int32 scalar >= 1, ties to the soft vote;
    - `mean(images, samples)`: the soft vote of `samples` flips;
    - `single(images)`: class probabilities of one flip;
    - `reseed(seed)`: start all coins from an int64 scalar; returns it.

    A fresh load flips coins of its own from the system's entropy; after `reseed(seed)` the flips that follow are the
    same in every process. Keep the loaded object alive while its endpoints are used.

    Args:
        model: A Functional or Sequential model.
        path: Folder to write; it appears whole or not at all.
        overwrite: Whether an existing folder may be replaced.

    Raises:
        FileExistsError: If `path` exists and `overwrite` is False.
        ValueError: If the model is not Functional, votes without an `Amplify` layer, or votes and has several inputs.
        ModuleNotFoundError: If TensorFlow is not installed.

    Example:
        >>> model = zoo.build("stochastic_mlp", seed=0)
        >>> zoo.export(model, "saved")
        >>> import os; os.path.isfile("saved/saved_model.pb")
        True
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"`path` exists already; pass overwrite=True to replace it. Received: path={str(path)!r}")
    if has_coins(model):
        check_one_input(model)
        flipping_graph(model)  # refuses what cannot be taken apart before anything is written
    elif masked_layers(model):
        model = fold(model)
    with atomic(path) as part:
        _write(model, part)


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
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"The TensorFlow process that writes the SavedModel failed: {last}")


def _write_archive(model: keras.Model, folder: Path) -> None:
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    fresh = tf.Variable(tf.constant(True), trainable=False)
    if has_coins(model):
        archive._tf_trackable.fresh = fresh  # Keras tracks layers only
    samples = tf.TensorSpec((), "int32", name="samples")
    for name, function, extra in _endpoints(model, fresh):
        for dtype in ("float32", "uint8"):
            inputs = [tf.TensorSpec((None, *x.shape[1:]), dtype, name=key) for key, x in _inputs(model).items()]
            function.get_concrete_function(*inputs, *([samples] if extra else []))
        archive.add_endpoint(name, function)
    if has_coins(model):
        archive.add_endpoint("reseed", _reseed(model, fresh), [tf.TensorSpec((), "int64", name="seed")])
    archive.write_out(str(folder), verbose=False)


def _inputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Map the endpoints' argument names to the model's inputs."""
    return {x.name: x for x in model.inputs} if len(model.inputs) > 1 else {"images": model.inputs[0]}


def _endpoints(model: keras.Model, fresh) -> list[tuple]:
    """(name, tf.function, whether it takes `samples`) of the endpoints that take images."""
    import tensorflow as tf

    if not has_coins(model):

        @tf.function
        def serve_one(images):
            return model(tf.cast(images, "float32"), training=False)

        @tf.function
        def serve_several(*inputs):
            return model([tf.cast(x, "float32") for x in inputs], training=False)

        return [("serve", serve_one if len(model.inputs) == 1 else serve_several, False)]
    graph = flipping_graph(model)
    suffix, majority = graph.suffix, graph.majority
    coins = coin_states(model)

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

        tf.cond(fresh, draw, lambda: None)

    def count(images, samples, vote):
        tf.debugging.assert_positive(samples, "`samples` must be a positive int")
        wake()
        hidden = keras.tree.flatten(graph.prefix(tf.cast(images, "float32"), training=False))
        empty = tf.zeros((tf.shape(hidden[0])[0], suffix.output.shape[-1]))

        def body(done, histogram, soft):
            flips = tf.minimum(graph.chunk, samples - done)
            logits = tf.cast(suffix(graph.rows(hidden, flips), training=False), "float32")
            logits = tf.reshape(logits, (-1, flips, logits.shape[-1]))
            more_votes, more_soft = tally(logits, majority.temperature)
            return done + flips, histogram + more_votes, soft + more_soft

        _, histogram, soft = tf.while_loop(
            lambda done, *_: done < samples, body, (0, empty, empty), parallel_iterations=1
        )
        flips = tf.cast(samples, "float32")
        return elect(histogram / flips, soft / flips, vote)

    @tf.function
    def serve(images):
        wake()
        return model(tf.cast(images, "float32"), training=False)

    @tf.function
    def vote(images, samples):
        return count(images, samples, "majority")

    @tf.function
    def mean(images, samples):
        return count(images, samples, "mean")

    @tf.function
    def single(images):
        return count(images, tf.constant(1), "mean")

    return [("serve", serve, False), ("vote", vote, True), ("mean", mean, True), ("single", single, False)]


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


if __name__ == "__main__":
    _write_archive(keras.saving.load_model(sys.argv[1]), Path(sys.argv[2]))
