"""BatchNormalization: Keras's layer, by TensorFlow's fused op."""

import keras
from keras import ops

from zoo.layers.xla import compiled_by_xla

FUSED_DTYPES = ("float32", "float16", "bfloat16")  # TensorFlow has no fused op of float64
FUSED_RANKS = (3, 4)


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation by TensorFlow's fused op where there is one.

    The layer has the arguments, configuration and weights of `keras.layers.BatchNormalization`, and its outputs but for
    the order of their roundings. Files of weights fit both. The moving statistics are Keras's, too: the biased
    variance, kept in float32 under mixed precision. The fused op runs on the TensorFlow backend, for inputs of three
    or four axes whose last axis is normalised, without a mask, `renorm` or `synchronized`; at inference TensorFlow
    joins it with the convolution before and the ReLU behind. In all other cases Keras's own code runs. It also runs
    under XLA, which computes the fused op's variance as E[x^2] - E[x]^2: a large mean would cost its digits. On torch,
    where Keras computes it so, the layer takes torch's variance.

    Args:
        *args: See `keras.layers.BatchNormalization`.
        **kwargs: See `keras.layers.BatchNormalization`.

    Input shape: Any that Keras takes.
    Output shape: The input's shape.

    Raises:
        ValueError: If Keras refuses an argument.

    Reference: Ioffe and Szegedy, Batch Normalization, arXiv:1502.03167.

    Example:
        >>> layer = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
        >>> outputs = layer(np.random.default_rng(0).normal(3, 2, size=(8, 4, 4, 2)), training=True)
        >>> abs(float(keras.ops.mean(outputs))) < 1e-5
        True
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise by the batch in training, by the moving statistics at inference."""
        if mask is None and self._has_fused_op(inputs):
            return self._fused(inputs, training=bool(training and self.trainable))
        return super().call(inputs, training=training, mask=mask)

    def _moments(self, inputs, mask):
        if mask is not None or keras.backend.backend() != "torch":
            return super()._moments(inputs, mask)
        import torch  # other backends run without torch

        # Keras takes E[x^2] - E[x]^2 there, which leaves no variance beside a large mean.
        variance, mean = torch.var_mean(inputs, dim=self._reduction_axes, correction=0)
        return mean, variance

    def _has_fused_op(self, inputs) -> bool:
        rank = len(inputs.shape)
        return (
            keras.backend.backend() == "tensorflow"
            and rank in FUSED_RANKS
            and self.axis % rank == rank - 1
            and not (self.renorm or self.synchronized)
            and keras.backend.standardize_dtype(inputs.dtype) in FUSED_DTYPES
            and not compiled_by_xla()
        )

    def _fused(self, inputs, training: bool):
        import tensorflow as tf  # other backends run without TensorFlow

        if keras.backend.standardize_dtype(inputs.dtype) != self.compute_dtype:
            inputs = ops.cast(inputs, "float32")  # or the op would round its output to the inputs' dtype
        channels = self.moving_mean.shape
        rows = inputs if len(inputs.shape) == 4 else _of_four_axes(inputs)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=rows,
            scale=ops.cast(self.gamma, "float32") if self.scale else tf.ones(channels),
            offset=ops.cast(self.beta, "float32") if self.center else tf.zeros(channels),
            mean=tf.constant([]) if training else ops.cast(self.moving_mean, "float32"),  # not read in training
            variance=tf.constant([]) if training else ops.cast(self.moving_variance, "float32"),
            epsilon=self.epsilon,  # exactly; tf.compat.v1.nn.fused_batch_norm raises it to 1.001e-5
            is_training=training,
        )
        if training:
            self._move(mean, variance, positions=tf.reduce_prod(tf.cast(tf.shape(inputs)[:-1], "float32")))
        return ops.cast(outputs if rows is inputs else tf.squeeze(outputs, 1), self.compute_dtype)

    def _move(self, mean, variance, positions) -> None:
        """Move the statistics towards those of a batch, whose variance is the unbiased one."""
        import tensorflow as tf

        # n / (n - 1) times Keras's; some devices divide by zero if n is 1.
        biased = tf.math.multiply_no_nan(variance, (positions - 1) / positions)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, biased)):
            moving.assign(ops.cast(moving, "float32") * self.momentum + batch * (1.0 - self.momentum))


def _of_four_axes(inputs):
    """Return inputs of three axes with another one, behind a convolution its own outputs.

    TensorFlow convolves sequences as images of one line and squeezes; it joins nothing behind that with a convolution.
    """
    import tensorflow as tf

    made_by = getattr(inputs, "op", None)  # which eager tensors do not have
    if made_by is not None and made_by.type == "Squeeze":
        (line,), axes = made_by.inputs, made_by.get_attr("squeeze_dims")
        if len(line.shape) == 4 and [axis % 4 for axis in axes] == [1]:
            return line
    return tf.expand_dims(inputs, 1)
