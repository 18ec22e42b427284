"""HyperDense against a Python loop over its draws or examples, and the memory of a step of a whole hypernetwork.

    python -m zoo.recipes.benchmarks.hyper_dense [--examples 128] [--inputs 256] [--units 10] [--draws 25] [--rounds 20]

Both sides are compiled, interleaved in one process and compared as ratios. The step is that of predicting rotations of
CIFAR-10 images: 3072 -> 10 -> 12 without biases, all 30,840 weights generated for each of 64 examples by a linear
layer of 100 inputs. Its peak memory is that of a process of its own above what it held before its second step, with
glibc told to give freed blocks back (MALLOC_MMAP_THRESHOLD_).
"""

import argparse

import keras
import numpy as np
from keras import ops
from tabulate import tabulate

from zoo.layers import HyperDense
from zoo.recipes.benchmarks.measure import peak_of_process, print_peak_of, seconds


def loop_over_draws(x, theta, units: int):
    """One matrix product per draw; the rows of one example contiguous."""
    outputs = [_dense(x, row, units) for row in ops.unstack(theta)]
    return ops.reshape(ops.stack(outputs, axis=1), (-1, units))


def loop_over_examples(x, theta, units: int):
    """One matrix product per example."""
    pairs = zip(ops.split(x, x.shape[0]), ops.unstack(theta), strict=True)
    return ops.concatenate([_dense(example, row, units) for example, row in pairs])


def _dense(x, row, units: int):
    size = x.shape[-1] * units
    return ops.matmul(x, ops.reshape(row[:size], (-1, units))) + ops.reshape(row[size:], (1, -1))


def passes(function):
    """The function of x and theta, and the gradients of the sum of its squares, as the backend compiles them."""
    if keras.backend.backend() == "jax":
        import jax

        gradient = jax.grad(lambda x, theta: ops.sum(ops.square(function(x, theta))), (0, 1))
        return jax.jit(function), jax.jit(gradient)
    import tensorflow as tf

    def gradient(x, theta):
        with tf.GradientTape() as tape:
            tape.watch([x, theta])
            loss = ops.sum(ops.square(function(x, theta)))
        return tape.gradient(loss, [x, theta])

    return tf.function(function, autograph=False), tf.function(gradient, autograph=False)


def compare(layer: HyperDense, loop, x, theta, rounds: int) -> list[tuple]:
    """Rows of the table: median times of the layer and of the loop, and the median ratio."""
    sides = passes(lambda x, theta: layer([x, theta])), passes(lambda x, theta: loop(x, theta, layer.units))
    rows = []
    for name, run, other in zip(("forward", "forward + gradient"), *sides, strict=True):
        for one, two in zip(_arrays(run(x, theta)), _arrays(other(x, theta)), strict=True):  # compiles both
            np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-3)
        times = [[seconds(lambda f=f: _arrays(f(x, theta))) for f in (run, other)] for _ in range(rounds)]
        ours, looped = np.transpose(times)
        kind = f"{theta.shape[0]} shared draws" if layer.shared else f"of each of {theta.shape[0]} examples"
        rows.append((kind, name, 1e3 * np.median(ours), 1e3 * np.median(looped), np.median(ours / looped)))
    return rows


def _arrays(results) -> list[np.ndarray]:
    """On the host, which waits for them."""
    return [ops.convert_to_numpy(one) for one in (results if isinstance(results, tuple | list) else [results])]


def rotation_hypernetwork() -> keras.Model:
    """Class of a rotation from the rotated image and the original, of which a hypernetwork makes the weights."""
    rotated, original = keras.Input((3072,)), keras.Input((3072,))
    sizes = HyperDense.parameter_count(3072, 10, False), HyperDense.parameter_count(10, 12, False)
    hidden = keras.layers.Dense(100, "relu")(original)
    theta = keras.layers.Dense(sum(sizes))(hidden)
    x = HyperDense(10, use_bias=False, activation="elu")([rotated, theta[:, : sizes[0]]])
    return keras.Model([rotated, original], HyperDense(12, False, "softmax")([x, theta[:, sizes[0] :]]))


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("examples", 128), ("inputs", 256), ("units", 10), ("draws", 25), ("rounds", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    if arguments.memory_of:
        model = rotation_hypernetwork()
        model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
        images = [rng.normal(size=(64, 3072)).astype("float32") for _ in range(2)]
        labels = rng.integers(0, 12, 64)
        model.train_on_batch(images, labels)
        print_peak_of(lambda: model.train_on_batch(images, labels))
        return
    parameters = HyperDense.parameter_count(arguments.inputs, arguments.units)
    x, draws, own = (
        ops.convert_to_tensor(rng.normal(0, 0.1, shape).astype("float32"))
        for shape in (
            (arguments.examples, arguments.inputs),
            (arguments.draws, parameters),
            (arguments.examples, parameters),
        )
    )
    rows = compare(HyperDense(arguments.units, shared=True), loop_over_draws, x, draws, arguments.rounds)
    rows += compare(HyperDense(arguments.units), loop_over_examples, x, own, arguments.rounds)
    sizes = f"{arguments.examples} examples, {arguments.inputs} -> {arguments.units}, {arguments.rounds} rounds"
    print(f"\n{keras.backend.backend()}, keras {keras.__version__}, {sizes}\n")
    headers = ["weights", "pass", "HyperDense, median ms", "loop, median ms", "HyperDense / loop"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=("", "", ".2f", ".2f", ".2f")))
    print(f"\npeak memory of a step: {peak_of_process(__file__, '--memory-of', 'step'):.0f} MiB")


if __name__ == "__main__":
    main()
