"""HyperDense against the ways of PyTorch and of a loop, and the memory of a step of a whole hypernetwork.

    python -m zoo.recipes.benchmarks.hyper_dense [--examples 128] [--inputs 256] [--units 10] [--draws 25] [--rounds 40]

Heads drawn by a generator, which all examples of a batch meet, or a head of each example's own; forward, and gradients
of the sum of squares by inputs and weights. "PyTorch, batched" is a batched product of the same weights, and "PyTorch,
linear" one product with the weights of all draws below each other, `(draws * units, inputs)`, as its own layers keep
them. "loop" is a Python loop over the draws or examples, in our backend and compiled. All are interleaved in one
process. The step is that of predicting rotations of CIFAR-10 images: 3072 -> 10 -> 12 without biases, all 30,840
weights generated for each of 64 examples by a linear layer of 100 inputs. Its peak memory is that of a process of its
own above what it held before its second step, with glibc told to give freed blocks back (MALLOC_MMAP_THRESHOLD_).
"""

import argparse
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.layers import HyperDense
from zoo.recipes.benchmarks.measure import compare, peak_of_process, print_peak_of, table, torch_or_none


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


def torch_sides(torch, x: np.ndarray, theta: np.ndarray, units: int, shared: bool) -> dict:
    """Functions of x and theta to outputs, by name, whose rows have the order of PyTorch's products."""
    size = x.shape[1] * units

    def batched(x, theta):
        kernel, bias = theta[:, :size].reshape(len(theta), -1, units), theta[:, None, size:]
        rows = x.expand(len(theta), *x.shape) if shared else x[:, None]
        return torch.baddbmm(bias, rows, kernel)

    def linear(x, theta):
        return torch.nn.functional.linear(x, theta[:, :size].reshape(-1, x.shape[1]), theta[:, size:].reshape(-1))

    return {"PyTorch, batched": batched, **({"PyTorch, linear": linear} if shared else {})}


def torch_passes(torch, function, x: np.ndarray, theta: np.ndarray) -> tuple:
    """Calls of the function, and of the gradients of the sum of its squares."""
    tensors = [torch.tensor(one, requires_grad=True) for one in (x, theta)]

    def forward():
        with torch.no_grad():
            return function(*tensors).numpy()

    def gradient():
        return [one.numpy() for one in torch.autograd.grad(function(*tensors).square().sum(), tensors)]

    return forward, gradient


def measure(layer: HyperDense, loop, x: np.ndarray, theta: np.ndarray, rounds: int) -> None:
    """Print the tables of forward passes and of gradients."""
    tensors = [ops.convert_to_tensor(one) for one in (x, theta)]
    sides = {"HyperDense": lambda x, theta: layer([x, theta]), "loop": lambda x, theta: loop(x, theta, layer.units)}
    found: dict[str, Any] = {
        name: [lambda f=f: _arrays(f(*tensors)) for f in passes(side)] for name, side in sides.items()
    }
    for one, other in zip(*found.values(), strict=True):  # compiles both
        for ours, looped in zip(one(), other(), strict=True):
            np.testing.assert_allclose(ours, looped, rtol=1e-3, atol=1e-3)
    if torch := torch_or_none():
        for name, function in torch_sides(torch, x, theta, layer.units, layer.shared).items():
            found[name] = torch_passes(torch, function, x, theta)
        outputs = np.moveaxis(found["PyTorch, batched"][0](), 0, int(layer.shared)).reshape(-1, layer.units)
        np.testing.assert_allclose(found["HyperDense"][0]()[0], outputs, rtol=1e-3, atol=1e-3)
    to = "PyTorch, batched" if "PyTorch, batched" in found else "loop"
    kind = "draws, shared by the batch" if layer.shared else "examples, each with a head of its own"
    for number, name in enumerate(("Forward", "Gradients")):
        calls = {side: pair[number] for side, pair in found.items()}
        print(f"\n{name}, {len(theta)} {kind}: {table(compare(calls, rounds), to)}")


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
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("examples", 128), ("inputs", 256), ("units", 10), ("draws", 25), ("rounds", 40)):
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
        rng.normal(0, 0.1, (rows, size)).astype("float32")
        for rows, size in (
            (arguments.examples, arguments.inputs),
            (arguments.draws, parameters),
            (arguments.examples, parameters),
        )
    )
    measure(HyperDense(arguments.units, shared=True), loop_over_draws, x, draws, arguments.rounds)
    measure(HyperDense(arguments.units), loop_over_examples, x, own, arguments.rounds)
    print(f"\npeak memory of a step: {peak_of_process(__file__, '--memory-of', 'step'):.0f} MiB")


if __name__ == "__main__":
    main()
