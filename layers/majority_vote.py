"""MajorityVote: one vote from the flips of an example."""

import keras
from keras import ops

from zoo.layers.arguments import one_of, positive_float, positive_int, row_size

# Lifts the winner of a tied vote above its equals; a single vote is larger in up to a million flips.
_TIE_BREAK = 1e-6
_COARSE = {"float16": 2**-9, "bfloat16": 2**-6}  # two steps of these numbers at 1: less would be rounded away
_EXAMPLES = 7  # stand-in batch size when the real one is unknown


@keras.saving.register_keras_serializable(package="coinflip_zoo")
class MajorityVote(keras.layers.Layer):
    """Count the votes of `samples` flips: from the logits of every flip to one distribution per example.

    In training the output is the soft vote, the mean over flips of `softmax(logits / temperature)`. The loss is its
    ordinary cross-entropy (the log of the mean, not the mean of logs). At inference `"majority"` returns the histogram
    of the flips' classes and `"mean"` the soft vote. A flip whose largest logits are equal splits its vote between
    them. A tie for the most votes goes to the tied class with the larger soft vote: it is lifted by 1e-6, in 16
    bits by two steps of the dtype, so that `argmax` finds it. The order of the classes decides only if the soft votes
    are equal, too.

    The layer computes in float32 unless `dtype` is given, also under a mixed-precision policy: a vote of many flips
    needs more than 8 bits.

    Args:
        samples: Positive int, flips per example. The rows of one example are contiguous, as in `Amplify`.
        vote: `"majority"` or `"mean"`, the vote at inference.
        temperature: Positive float, the softmax temperature of the soft vote.

    Input shape: `(batch * samples, classes)`.
    Output shape: `(batch, classes)`; rows sum to 1.

    Raises:
        ValueError: If an argument is outside its range, the number of rows is not a multiple of `samples`, or the
            layers before make another number of rows from an example than `samples`.

    Reference: Coin-Flipping Neural Networks, section 2.1 and section 5 (training).

    Example:
        >>> logits = np.array([[2.0, 0.0], [0.0, 5.0], [1.0, 0.0]])  # three flips of one example
        >>> print(keras.ops.convert_to_numpy(layers.MajorityVote(3)(logits)).round(2))
        [[0.67 0.33]]
    """

    def __init__(self, samples: int, vote: str = "majority", temperature: float = 1.0, **kwargs) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.samples = positive_int("samples", samples)
        self.vote = one_of("vote", vote, ("majority", "mean"))
        self.temperature = positive_float("temperature", temperature)

    def build(self, input_shape) -> None:
        """Check the rank and the number of rows; the layer has no weights."""
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs, training=None):
        """Vote over each run of `samples` rows."""
        self.compute_output_shape(inputs.shape)
        flips = ops.reshape(inputs, (-1, self.samples, inputs.shape[-1]))
        if training or self.vote == "mean":  # the histogram would be computed for nothing
            return ops.mean(ops.softmax(flips / self.temperature, axis=-1), axis=1)
        hard, soft = ballots(flips, self.temperature)
        return elect(ops.mean(hard, axis=1), ops.mean(soft, axis=1), self.vote)

    def compute_output_shape(self, input_shape):
        """Return `(batch, classes)`; an unknown batch stays unknown."""
        classes = row_size("MajorityVote", "(batch * samples, classes)", input_shape)
        rows = input_shape[0]
        if rows is not None and rows % self.samples:
            raise ValueError(
                f"The number of rows must be a multiple of `samples`={self.samples}. Received: rows={rows}"
            )
        return (None if rows is None else rows // self.samples, classes)

    def compute_output_spec(self, inputs, training=None):
        """Infer shape and dtype; where a model is defined, check its number of rows per example, too."""
        if hasattr(inputs, "_keras_history"):
            self._check_rows(inputs)
        return super().compute_output_spec(inputs, training=training)

    def _check_rows(self, inputs) -> None:
        sources = keras.utils.get_source_inputs(inputs)
        batch = sources[0].shape[0] or _EXAMPLES
        examples = [keras.KerasTensor((batch, *x.shape[1:]), x.dtype) for x in sources]
        rows = keras.Function(sources, inputs).compute_output_spec(examples).shape[0]
        # Rows that no layer before repeats are taken for flips.
        if rows not in (None, batch, batch * self.samples):
            raise ValueError(
                "`samples` must be the number of rows that the layers above make of an example. "
                f"Received: samples={self.samples}, where {batch} examples become {rows} rows"
            )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        config = {"samples": self.samples, "vote": self.vote, "temperature": self.temperature}
        return {**super().get_config(), **config}


def tally(flips, temperature: float):
    """Count the votes of flips: `(batch, flips, classes)` to two sums `(batch, classes)`, of votes and of softmaxes.

    The sums are float32: a float16 counts to 2,048 only.
    """
    return tuple(ops.sum(ops.cast(one, "float32"), axis=1) for one in ballots(flips, temperature))


def elect(histogram, soft, vote: str):
    """Turn shares of votes and mean softmaxes, both `(batch, classes)`, into the result of the vote."""
    return soft if vote == "mean" else break_ties(histogram, soft)


def ballots(logits, temperature: float):
    """Return votes and class probabilities of every flip, both of the shape of `logits`, `(..., classes)`."""
    return votes(logits), ops.softmax(logits / temperature, axis=-1)


def votes(logits):
    """Give each flip's vote to its largest logit: `(..., classes)` to the same shape, each row summing to 1.

    Equal largest logits share the vote. A row with NaN votes NaN.
    """
    largest = ops.equal(logits, ops.max(logits, axis=-1, keepdims=True))
    # XLA may compute the logits twice and round them differently; then none equals the largest.
    found = ops.one_hot(ops.argmax(logits, axis=-1), logits.shape[-1], dtype="bool")
    largest = ops.cast(ops.logical_or(largest, found), logits.dtype)
    share = largest / ops.sum(largest, axis=-1, keepdims=True)
    spoilt = ops.any(ops.isnan(logits), axis=-1, keepdims=True)  # under XLA 0 / 0 would be a vote
    return ops.where(spoilt, float("nan"), share)


def break_ties(histogram, soft):
    """Lift the winner of a tied histogram: `(batch, classes)` twice to `(batch, classes)`, rows summing to 1.

    Rows without a tie are returned unchanged. Among the classes with the most votes the larger soft vote wins.
    """
    dtype = keras.backend.standardize_dtype(histogram.dtype)
    lift = _COARSE.get(dtype, _TIE_BREAK)
    # Shares below a millionth of a vote are rounding.
    leaders = ops.cast(histogram >= ops.max(histogram, axis=-1, keepdims=True) - _TIE_BREAK / 2, dtype)
    tied = ops.sum(leaders, axis=-1, keepdims=True) > 1
    winner = ops.one_hot(ops.argmax(ops.where(leaders > 0, soft, -1.0), axis=-1), histogram.shape[-1], dtype=dtype)
    return ops.where(tied, histogram * (1 - lift) + winner * lift, histogram)
