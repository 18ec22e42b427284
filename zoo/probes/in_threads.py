"""in_threads: many small computations in NumPy at once."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from threadpoolctl import threadpool_limits


def in_threads(call: Callable[[Any], Any], arguments: Iterable) -> list:
    """Return `list(map(call, arguments))`, computed by one thread per core, with one core per matrix product.

    Products of a few hundred rows gain little from several cores, and wait for each other where cores are busy.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(call, arguments))
