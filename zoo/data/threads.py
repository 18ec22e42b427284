"""A function of a list, its parts in several threads."""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_AT_LEAST = 8  # items that a thread takes at once: handing over a single image takes a third of its time


def by_parts(function: Callable[[list], list], items: list, at_least: int = _AT_LEAST) -> list[Any]:
    """Results of a function of a list, in their order, its parts, of so many items at least, in several threads."""
    threads, count = _threads()
    share = max(at_least, -(-len(items) // count))
    if len(items) <= share:
        return function(items) if items else []
    parts = [items[first : first + share] for first in range(0, len(items), share)]
    return [one for found in threads.map(function, parts) for one in found]


@functools.cache
def _threads() -> tuple[ThreadPoolExecutor, int]:
    count = 4 * (os.cpu_count() or 1)  # most of them wait, for files or for the interpreter
    return ThreadPoolExecutor(count, thread_name_prefix="decode"), count


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.cache_clear)  # a forked process has the pool without its threads
