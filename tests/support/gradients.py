"""Gradients by the backend's own means."""

import keras


def gradients(loss, inputs=(), variables=()):
    """Differentiate a scalar function; JAX knows no variables.

    Args:
        loss: Function of tensors.
        inputs: Arrays to call it with.
        variables: Variables that it reads.

    Returns:
        The value, and NumPy arrays: the gradients by the inputs, then by the variables.
    """
    backend, to_numpy = keras.backend.backend(), keras.ops.convert_to_numpy
    inputs = [keras.ops.convert_to_tensor(one) for one in inputs]
    if backend == "jax":
        import jax

        assert not variables
        value, found = jax.jit(jax.value_and_grad(loss, range(len(inputs))))(*inputs)
    elif backend == "torch":
        import torch

        inputs = [one.detach().requires_grad_() for one in inputs]
        value = loss(*inputs)
        found = torch.autograd.grad(value, [*inputs, *(one.value for one in variables)])
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = loss(*inputs)
        found = tape.gradient(value, [*inputs, *(one.value for one in variables)])
    return float(to_numpy(value)), [to_numpy(one) for one in found]
