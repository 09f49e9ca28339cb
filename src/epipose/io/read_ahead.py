"""Reading ahead: the next items of an iterator made in a thread of their own while those before are in use."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")
_END = object()


def read_ahead(items: Iterable[_T], depth: int = 3) -> Generator[_T, None, None]:
    """The same items in the same order, up to ``depth`` of them made before they are asked for.

    What making one raises is raised where it would have come. The iterator is closed when this one is.
    """
    iterator: Iterator[Any] = iter(items)
    with ThreadPoolExecutor(1, "read-ahead") as pool:
        coming = deque(pool.submit(next, iterator, _END) for _ in range(depth))
        try:
            while True:
                item: Any = coming.popleft().result()
                if item is _END:
                    return
                coming.append(pool.submit(next, iterator, _END))
                yield item
                del item  # what is in use elsewhere, or not, is none of the queue's business
        finally:
            for one in coming:
                one.cancel()
            if close := getattr(iterator, "close", None):
                pool.submit(close).result()
