"""Evidence that one class has more votes than another in the long run, at whatever moment somebody looks.

Let X be the vote of one flip for class k minus its vote for class j, in [-1, 1], and m a margin. If the mean of X is
at most m, then 1 + s (X - m) has a mean of at most 1 for every s in [0, 1 / (1 + m)] and is never negative. The product
of these factors over independent flips is then a supermartingale that starts at 1, and so is a mean of such products
over several s. Ville's inequality says that it ever reaches c with probability 1 / c at most. Nothing is said of when
one looks, so that one may look after every flip and stop.

The products need no list of flips. With a the sum of votes for k, b that for j and z = n - a - b,

    (1 + s (1 - m))^a (1 - s (1 + m))^b (1 - s m)^z

is the product if all votes are whole, and at most the product if flips share a vote (a weighted geometric mean is at
most the arithmetic one), so that the bound still holds. The strengths are s = cos(phi) / (1 + m) at the midpoints phi
of 128 equal parts of a right angle; no lead below 0.003 is found by them. At m = 0 this is the mixture of Krichevsky
and Trofimov, on the side where k leads, by the midpoint rule: 2^(a + b) B(a + 1/2, b + 1/2) / B(1/2, 1/2)
2 P[Beta(a + 1/2, b + 1/2) > 1/2].

**Several classes.** Class k is certified when its evidence at m = 0 against each rival reaches 1 / (w_k error), with
weights w that are fixed before the flips and sum to 1. If class c is the mode, another class k is certified with a
probability of at most w_k error, because that needs evidence against c; the sum over all k is at most `error`. If
several classes are the mode, certifying any of them is right. `class_weight` gives 0.9 to the class that coins off
predict, which costs no flip, and shares 0.1 among the others; without a guess all weights are equal. If the guess is
wrong, more flips are needed; the bound holds all the same.

**The lead** of class k, its probability minus that of its best rival, is above every m for which the evidence against
each rival reaches 1 / (w_k error): with j the best rival, evidence against the true lead is needed to be wrong. It is
below every m for which some rival's evidence that it is less reaches (K - 1) / (w_k error), a sum over the rivals. No
class leads by a margin if the two classes in front are each found to lead the other by less, at (K - 1) / error. That
is wrong only if the mode is found to lead one of its K - 1 rivals by less than it does: where the mode is a third
class, it has no more votes than the second, and so as much evidence against the first.

Reference: Ville, Étude critique de la notion de collectif (1939); Krichevsky and Trofimov, The performance of universal
encoding (1981); for the two classes with the most votes Jain et al., PAC mode estimation using PPR martingale
confidence sequences (2022), whose statistic is the uniform mixture with equal weights.
"""

from typing import Any

import numpy as np

_PARTS = 128  # strengths down to 0.006: a lead below half of that is never found
STRENGTHS = np.cos((np.arange(_PARTS) + 0.5) * np.pi / (2 * _PARTS))
PRIOR = 0.9  # weight of the class that coins off predict
_ROUNDING = 1e-5  # of sums of shared votes
_AT_ONCE = 2**15  # differences that are bet on by all strengths in one array
_HALVINGS = 24  # of an interval of length 2: a lead to 1e-7


def class_weight(guessed, classes: int, xp: Any = np) -> Any:
    """Return the weight of a class: all weights sum to 1, that of the guessed class is large.

    Args:
        guessed: Bool or array of bools, whether the class was guessed before any flip.
        classes: Number of classes, >= 2.
        xp: `numpy`, or `keras.ops` for tensors; eagerly JAX would compile every operation for every number of examples.
    """
    kind = np.float64 if xp is np else np.float32
    return xp.where(guessed, kind(PRIOR), kind((1 - PRIOR) / (classes - 1)))


def leaders(counts, soft, xp: Any = np) -> tuple:
    """Return the class with the most votes, its votes and those of the next one, each of shape `(...)`.

    Args:
        counts: Sums of votes `(..., classes)`.
        soft: Sums of soft votes, which decide a tie.
        xp: As in `class_weight`.
    """
    most = xp.max(counts, axis=-1, keepdims=True)
    leader = xp.argmax(xp.where(counts >= most - _ROUNDING, soft, -1.0), axis=-1)
    leads = xp.equal(xp.expand_dims(leader, -1), np.arange(counts.shape[-1]))
    return leader, most[..., 0], xp.max(xp.where(leads, -1.0, counts), axis=-1)


def log_evidence(ahead, behind, flips=None, margin: Any = 0.0, xp: Any = np) -> Any:
    """Return the logarithm of the evidence against a lead of at most `margin`, of the shape of `ahead`.

    Args:
        ahead: Sums of votes of the leading class.
        behind: Sums of votes of its rival.
        flips: Flips in all; needed with a margin only.
        margin: Number or array in (-1, 1).
        xp: As in `class_weight`.
    """
    ahead, behind = xp.expand_dims(ahead, -1), xp.expand_dims(behind, -1)
    if flips is None:
        wins, losses = (np.log1p(sign * STRENGTHS).astype("float64" if xp is np else "float32") for sign in (1, -1))
        logs = ahead * wins + behind * losses
    else:
        margin = np.expand_dims(margin, -1)
        strengths = STRENGTHS / (1 + margin)
        neither = xp.expand_dims(flips, -1) - ahead - behind
        logs = ahead * np.log1p(strengths * (1 - margin)) + behind * np.log1p(-strengths * (1 + margin))
        logs = logs + neither * np.log1p(-strengths * margin)
    return _log_mean(logs, xp)


def _log_mean(logs, xp: Any = np) -> Any:
    """Logarithm of the mean over the last axis of what `logs` are the logarithms of."""
    most = xp.max(logs, axis=-1, keepdims=True)
    return most[..., 0] + xp.log(xp.mean(xp.exp(logs - most), axis=-1))


def log_bets(differences: np.ndarray) -> np.ndarray:
    """Return the logarithm of each strength's product over flips, `(..., strengths)`, from differences `(..., flips)`.

    Its `log_wealth` is stronger than `log_evidence` of the sums where flips differ by fractions, as soft votes do.
    """
    if differences.size > _AT_ONCE:
        return np.stack([np.log1p(differences * strength).sum(axis=-1) for strength in STRENGTHS], axis=-1)
    return np.log1p(differences[..., None, :] * STRENGTHS[:, None]).sum(axis=-1)


def log_wealth(bets: np.ndarray) -> np.ndarray:
    """Return the logarithm of the evidence `(...)` of what `log_bets` returns, or of sums of it over flips."""
    return _log_mean(bets)


def lead_above(ahead: np.ndarray, behind: np.ndarray, flips: np.ndarray, log_threshold: np.ndarray) -> np.ndarray:
    """Return the largest lead that the evidence refutes, in [-1, 1): the true lead is above it.

    Args:
        ahead: Sums of votes of the leading class `(...)`.
        behind: Sums of votes of its rival.
        flips: Flips in all.
        log_threshold: Logarithm of the evidence that is asked for.
    """
    low, high = np.full(np.shape(ahead), -1.0), np.ones(np.shape(ahead))
    for _ in range(_HALVINGS):  # the evidence falls with the margin
        middle = (low + high) / 2
        found = log_evidence(ahead, behind, flips, middle)
        low, high = np.where(found >= log_threshold, middle, low), np.where(found >= log_threshold, high, middle)
    return low
