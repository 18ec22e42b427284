"""Mean and standard deviation over repeated measurements."""

from collections.abc import Sequence

import numpy as np

Numbers = Sequence[float] | np.ndarray


def deviation(numbers: Numbers) -> float:
    """Standard deviation of a sample, with n - 1 in the denominator; 0 for fewer than two numbers."""
    return float(np.std(numbers, ddof=1)) if len(numbers) > 1 else 0.0


def with_deviation(numbers: Numbers, mean: str = ".4g", spread: str = ".2g") -> str:
    """Text "mean ± deviation", or the mean alone for a single number.

    Args:
        numbers: At least one number.
        mean: Format of the mean.
        spread: Format of the deviation.
    """
    text = f"{np.mean(numbers):{mean}}"
    return f"{text} ± {deviation(numbers):{spread}}" if len(numbers) > 1 else text
