"""Reading ahead: the next chunk is read and checked while this one is in the database."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

AHEAD = 1
SWITCH_INTERVAL = 0.0002
"""Seconds after which the reading thread lets go. With Python's own 5 ms, each answer of the
database waits as long for the reader, and a chunk has some twenty."""


class _End(Generic[T]):
    """The last thing in the queue: the end of the items, or what went wrong."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Reader(Generic[T]):
    """The thread that fills the queue, and the end at which it is emptied."""

    def __init__(self, produce: Callable[[], Iterator[T]]) -> None:
        self._produce = produce
        self._items: queue.Queue[T | _End[T]] = queue.Queue(maxsize=AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._fill, daemon=True, name="reader")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def take(self) -> Iterator[T]:
        """The items, as they come; what the thread raised is raised here."""
        while True:
            item = self._items.get()
            if not isinstance(item, _End):
                yield item
            elif item.error is None:
                return
            else:
                raise item.error

    def _fill(self) -> None:
        try:
            for item in self._produce():
                if not self._put(item):
                    return
        except BaseException as error:
            self._put(_End(error))
        else:
            self._put(_End())

    def _put(self, item: T | _End[T]) -> bool:
        """Wait for room; False when nobody takes any more."""
        while not self._stopped.is_set():
            try:
                self._items.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False


@contextmanager
def read_ahead(produce: Callable[[], Iterator[T]]) -> Iterator[Iterator[T]]:
    """Iterate over `produce()` in a thread, at most `AHEAD` items before their use.

    What it raises is raised where the items are used. Leaving the context ends the thread.
    """
    reader = _Reader(produce)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    reader.start()
    try:
        yield reader.take()
    finally:
        reader.stop()
        sys.setswitchinterval(interval)
