"""Reading ahead: the next chunk is read and checked while this one is in the database."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

AHEAD = 1


class _End(Generic[T]):
    """The last thing in the queue: the end of the items, or what went wrong."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


@contextmanager
def read_ahead(produce: Callable[[], Iterator[T]]) -> Iterator[Iterator[T]]:
    """Iterate over `produce()` in a thread, at most `AHEAD` items before their use.

    What it raises is raised where the items are used. Leaving the context ends the thread.
    """
    items: queue.Queue[T | _End[T]] = queue.Queue(maxsize=AHEAD)
    stopped = threading.Event()

    def put(item: T | _End[T]) -> bool:
        while not stopped.is_set():
            try:
                items.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def fill() -> None:
        try:
            for item in produce():
                if not put(item):
                    return
        except BaseException as error:
            put(_End(error))
        else:
            put(_End())

    def take() -> Iterator[T]:
        while True:
            item = items.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    thread = threading.Thread(target=fill, daemon=True, name="reader")
    thread.start()
    try:
        yield take()
    finally:
        stopped.set()
        thread.join()
