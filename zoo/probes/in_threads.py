"""in_threads: many small computations in NumPy at once."""

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from threadpoolctl import ThreadpoolController


def in_threads(call: Callable[[Any], Any], arguments: Iterable) -> list:
    """Return `list(map(call, arguments))`, computed by one thread per core, with one core per matrix product.

    Products of a few hundred rows gain little from several cores, and wait for each other where cores are busy.
    """
    with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(call, arguments))


@functools.cache
def _libraries() -> ThreadpoolController:
    """Return the libraries of matrix products; NumPy's is loaded by now, and looking for them takes milliseconds."""
    return ThreadpoolController()
