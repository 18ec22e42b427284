"""MajorityVote: one vote from the flips of an example."""

import keras
from keras import ops

from zoo.layers.arguments import boolean, one_of, positive_float, positive_int
from zoo.layers.flip_rows import check_flips, last_activation, sources_of

KINDS = ("classes", "labels", "numbers")
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

    `kind="labels"` votes on every unit for itself, yes or no: one sigmoid unit, or several labels. The soft vote is the
    mean of `sigmoid(logits / temperature)`, the majority the share of flips above one half, which decides a tie.
    `kind="numbers"` returns the mean over flips, as of a regression.

    The layer computes in float32 unless `dtype` is given, also under a mixed-precision policy: a vote of many flips
    needs more than 8 bits.

    Args:
        samples: Positive int, flips per example. The rows of one example are contiguous, as in `Amplify`.
        vote: `"majority"` or `"mean"`, the vote at inference.
        temperature: Positive float, the softmax temperature of the soft vote; 1 without `from_logits`.
        kind: `"classes"`, of which one is right, on the last axis; `"labels"`; or `"numbers"`, whose `vote` is "mean".
        from_logits: Bool. False takes probabilities, the output of a softmax or sigmoid, in place of logits.

    Input shape: `(batch * samples, ..., classes)`; without classes `(batch * samples, ...)`.
    Output shape: `(batch, ...)`; classes sum to 1.

    Raises:
        ValueError: If an argument is outside its range, the number of rows is not a multiple of `samples`, there is
            one class only, or the layers before cannot mean what they say: they make another number of rows from an
            example than `samples`, flip coins before the rows are repeated, or end in a softmax or sigmoid although
            `from_logits` is True.

    Reference: Coin-Flipping Neural Networks, section 2.1 and section 5 (training).

    Example:
        >>> logits = np.array([[2.0, 0.0], [0.0, 5.0], [1.0, 0.0]])  # three flips of one example
        >>> print(keras.ops.convert_to_numpy(layers.MajorityVote(3)(logits)).round(2))
        [[0.67 0.33]]
    """

    role = "vote"  # see flip_rows

    def __init__(
        self,
        samples: int,
        vote: str = "majority",
        temperature: float = 1.0,
        kind: str = "classes",
        from_logits: bool = True,
        **kwargs,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.samples = positive_int("samples", samples)
        self.vote = one_of("vote", vote, ("majority", "mean"))
        self.temperature = positive_float("temperature", temperature)
        self.kind = one_of("kind", kind, KINDS)
        self.from_logits = boolean("from_logits", from_logits)
        self.supports_masking = True
        if self.kind == "numbers" and self.vote != "mean":
            raise ValueError(f'`vote` must be "mean" where kind="numbers". Received: vote={vote!r}')
        if self.temperature != 1 and (self.kind == "numbers" or not self.from_logits):
            raise ValueError(f"`temperature` must be 1 unless there are logits. Received: temperature={temperature!r}")

    def build(self, input_shape) -> None:
        """Check the number of rows and of classes; the layer has no weights."""
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs, training=None):
        """Vote over each run of `samples` rows."""
        self.compute_output_shape(inputs.shape)
        flips = ops.reshape(inputs, (-1, self.samples, *inputs.shape[1:]))
        if training or self.vote == "mean":  # the histogram would be computed for nothing
            return ops.mean(self.soft(flips), axis=1)
        hard, soft = self.ballots(flips)
        return self.elect(ops.mean(hard, axis=1), ops.mean(soft, axis=1))

    def ballots(self, flips):
        """Return votes and soft votes of every flip, both of the shape of `flips`, `(..., classes)`."""
        if self.kind == "classes":
            return votes(flips), self.soft(flips)
        if self.kind == "labels":
            half = 0.0 if self.from_logits else 0.5
            share = ops.where(flips > half, 1.0, ops.where(flips < half, 0.0, 0.5))
            spoilt = ops.cast(float("nan"), flips.dtype)
            return ops.where(ops.isnan(flips), spoilt, ops.cast(share, flips.dtype)), self.soft(flips)
        return flips, flips

    def soft(self, flips):
        """Return the soft vote of every flip: probabilities, or the numbers themselves."""
        if self.kind == "numbers" or not self.from_logits:
            return flips
        if self.kind == "labels":
            return ops.sigmoid(flips / self.temperature)
        return ops.softmax(flips / self.temperature, axis=-1)

    def tally(self, flips):
        """Count the votes of flips: `(batch, flips, ...)` to two sums `(batch, ...)`, of votes and of soft votes.

        The sums are float32 at least: a float16 counts to 2,048 only.
        """
        wide = "float64" if keras.backend.standardize_dtype(flips.dtype) == "float64" else "float32"
        if self.kind == "classes" and self.from_logits and flips.shape[-1] == 2:
            return self._tally_two(ops.cast(flips, wide))
        return tuple(ops.sum(ops.cast(one, wide), axis=1) for one in self.ballots(flips))

    def _tally_two(self, flips):
        """Count the votes of two classes by the difference of their logits: in a tenth of the time."""
        first, second = flips[..., 0], flips[..., 1]
        more, less = (ops.cast(one > other, flips.dtype) for one, other in ((second, first), (first, second)))
        spoilt = ops.logical_or(ops.isnan(first), ops.isnan(second))
        lead = ops.sum(ops.where(spoilt, float("nan"), more - less), axis=1)
        largest = ops.maximum(first, second)
        excess = ((second - largest) - (first - largest)) / self.temperature  # NaN where the largest is infinite
        count = ops.cast(ops.shape(flips)[1], flips.dtype)
        hard = [(count - lead) / 2, (count + lead) / 2]
        soft = [ops.sum(ops.sigmoid(sign * excess), axis=1) for sign in (-1, 1)]
        return ops.stack(hard, axis=-1), ops.stack(soft, axis=-1)

    def elect(self, shares, soft, vote: str | None = None):
        """Turn shares of votes and mean soft votes, both `(batch, ...)`, into the result of `vote`, the layer's or one
        that is given.
        """
        vote = vote or self.vote
        if self.kind == "numbers" or vote == "mean":
            return soft
        return break_ties(shares, soft) if self.kind == "classes" else _break_halves(shares, soft)

    def compute_mask(self, inputs, previous_mask):
        """Return the mask of the first flip of each example."""
        if previous_mask is None or isinstance(previous_mask, keras.KerasTensor):
            return None  # a model's layers find the mask at each call
        return ops.reshape(previous_mask, (-1, self.samples, *previous_mask.shape[1:]))[:, 0]

    def compute_output_shape(self, input_shape):
        """Return `(batch, ...)`; an unknown batch stays unknown."""
        rows, *rest = input_shape if len(input_shape) > (self.kind == "classes") else [None]
        classes = rest[-1] if rest else None
        if self.kind != "classes":
            classes = 2
        if not isinstance(classes, int):
            raise ValueError(f"MajorityVote takes (batch * samples, ..., classes). Received: input_shape={input_shape}")
        if classes < 2:
            raise ValueError(
                "MajorityVote of classes needs two at least: every flip of one class votes for it. For a single score "
                'use zoo.layers.BinaryLogits before, or kind="labels". '
                f"Received: input_shape={input_shape}"
            )
        if rows is not None and rows % self.samples:
            raise ValueError(
                f"The number of rows must be a multiple of `samples`={self.samples}. Received: rows={rows}"
            )
        return (None if rows is None else rows // self.samples, *rest)

    def compute_output_spec(self, inputs, training=None):
        """Infer shape and dtype; where a model is defined, check the layers before, too."""
        if hasattr(inputs, "_keras_history"):
            self._check_rows(inputs)
            check_flips(inputs)
            self._check_activation(inputs)
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def _check_rows(self, inputs) -> None:
        sources = sources_of(inputs)
        batch = sources[0].shape[0] or _EXAMPLES
        examples = [keras.KerasTensor((batch, *x.shape[1:]), x.dtype) for x in sources]
        rows = keras.Function(sources, inputs).compute_output_spec(examples).shape[0]
        # Rows that no layer before repeats are taken for flips.
        if rows not in (None, batch, batch * self.samples):
            raise ValueError(
                "`samples` must be the number of rows that the layers above make of an example. "
                f"Received: samples={self.samples}, where {batch} examples become {rows} rows"
            )

    def _check_activation(self, inputs) -> None:
        found = last_activation(inputs)
        if self.from_logits and self.kind != "numbers" and found in ("softmax", "sigmoid"):
            raise ValueError(
                f"`from_logits` must be False where the layer before ends in a {found}: its outputs are no logits. "
                "Received: from_logits=True"
            )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        names = ("samples", "vote", "temperature", "kind", "from_logits")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def votes(logits):
    """Give each flip's vote to its largest logit: `(..., classes)` to the same shape, each row summing to 1.

    Equal largest logits share the vote. A row with NaN votes NaN.
    """
    largest = ops.equal(logits, _largest(logits))
    # XLA may compute the logits twice and round them differently; then none equals the largest.
    found = ops.one_hot(ops.argmax(logits, axis=-1), logits.shape[-1], dtype="bool")
    largest = ops.cast(ops.logical_or(largest, found), logits.dtype)
    share = largest / ops.sum(largest, axis=-1, keepdims=True)
    spoilt = ops.any(ops.isnan(logits), axis=-1, keepdims=True)  # under XLA 0 / 0 would be a vote
    return ops.where(spoilt, float("nan"), share)


def break_ties(histogram, soft):
    """Lift the winner of a tied histogram: `(..., classes)` twice to `(..., classes)`, rows summing to 1.

    Rows without a tie are returned unchanged. Among the classes with the most votes the larger soft vote wins.
    """
    dtype = keras.backend.standardize_dtype(histogram.dtype)
    lift = _COARSE.get(dtype, _TIE_BREAK)
    # Shares below a millionth of a vote are rounding.
    leaders = ops.cast(histogram >= _largest(histogram) - _TIE_BREAK / 2, dtype)
    tied = ops.sum(leaders, axis=-1, keepdims=True) > 1
    winner = ops.one_hot(ops.argmax(ops.where(leaders > 0, soft, -1.0), axis=-1), histogram.shape[-1], dtype=dtype)
    return ops.where(tied, histogram * (1 - lift) + winner * lift, histogram)


def _largest(values):
    """Largest on the last axis, which Keras refuses of no examples unless it is told where to begin."""
    return ops.max(values, axis=-1, keepdims=True, initial=-float("inf") if 0 in values.shape else None)


def _break_halves(shares, soft):
    """Move a share of one half to the side of the soft vote."""
    dtype = keras.backend.standardize_dtype(shares.dtype)
    lift = ops.cast(_COARSE.get(dtype, _TIE_BREAK), dtype) * ops.cast(ops.sign(soft - 0.5), dtype)
    return ops.where(ops.abs(shares - 0.5) < _TIE_BREAK / 2, shares + lift, shares)
