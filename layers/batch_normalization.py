"""BatchNormalization: Keras's layer, with TensorFlow's fused op as its training pass."""

import keras
from keras import ops

FUSED_DTYPES = ("float32", "float16", "bfloat16")  # TensorFlow has no fused op of float64
FUSED_RANKS = (3, 4)


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation that trains with TensorFlow's fused op where there is one.

    Arguments, configuration, weights and inference are those of `keras.layers.BatchNormalization`, and so are the
    moving statistics: of the biased variance, in float32 under mixed precision. Files of weights fit both. The fused
    op is taken on the TensorFlow backend, for inputs of three or four axes whose last is normalised, without a mask,
    `renorm` or `synchronized`. Everything else is Keras's own code, and so is what XLA compiles: XLA computes the
    fused op's variance as E[x^2] - E[x]^2, which loses its digits to a large mean.

    Args:
        *args: As in Keras.
        **kwargs: As in Keras.

    Input shape: any that Keras takes. Output shape: the same.

    Raises:
        ValueError: As in Keras.

    Reference: Ioffe and Szegedy, Batch Normalization, arXiv:1502.03167.

    Example:
        >>> layer = BatchNormalization(momentum=0.9, epsilon=1e-5)
        >>> layer(keras.ops.ones((8, 32, 32, 16)), training=True).shape
        TensorShape([8, 32, 32, 16])
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise by the batch in training, by the moving statistics at inference."""
        if training and self.trainable and mask is None and self._has_fused_op(inputs):
            return self._fused(inputs)
        return super().call(inputs, training=training, mask=mask)

    def _has_fused_op(self, inputs) -> bool:
        rank = len(inputs.shape)
        return (
            keras.backend.backend() == "tensorflow"
            and rank in FUSED_RANKS
            and self.axis % rank == rank - 1
            and not (self.renorm or self.synchronized)
            and keras.backend.standardize_dtype(inputs.dtype) in FUSED_DTYPES
            and not _compiled_by_xla()
        )

    def _fused(self, inputs):
        import tensorflow as tf  # other backends run without TensorFlow

        if keras.backend.standardize_dtype(inputs.dtype) != self.compute_dtype:
            inputs = ops.cast(inputs, "float32")  # or the op would round its output to the inputs' dtype
        channels = self.moving_mean.shape
        rows = inputs if len(inputs.shape) == 4 else tf.expand_dims(inputs, 1)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=rows,
            scale=ops.cast(self.gamma, "float32") if self.scale else tf.ones(channels),
            offset=ops.cast(self.beta, "float32") if self.center else tf.zeros(channels),
            mean=tf.constant([]),  # of no use in training
            variance=tf.constant([]),
            epsilon=self.epsilon,  # exactly; tf.compat.v1.nn.fused_batch_norm raises it to 1.001e-5
        )
        # The op gives the unbiased variance, n / (n - 1) times Keras's; some devices divide by zero where n is 1.
        count = tf.reduce_prod(tf.cast(tf.shape(inputs)[:-1], "float32"))
        variance = tf.math.multiply_no_nan(variance, (count - 1) / count)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(ops.cast(moving, "float32") * self.momentum + batch * (1.0 - self.momentum))
        return ops.cast(outputs if rows is inputs else tf.squeeze(outputs, 1), self.compute_dtype)


def _compiled_by_xla() -> bool:
    import tensorflow as tf  # other backends run without TensorFlow
    from tensorflow.python.ops import control_flow_util  # nothing public tells a function that XLA will compile it

    return not tf.executing_eagerly() and control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
