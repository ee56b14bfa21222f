"""Who has given no sign of life for a while, found out without comparing two clocks.

A machine's clock may be set, by seconds or by hours, forwards or back, and that of the database is
another machine's. So nothing is asked about how old a sign is; what counts is for how long we have
been looking at the same one, by the clock of this process that only ever goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable


class Watch:
    """What has looked the same since when."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[str, float] = {}

    def unchanged(self, signs: Iterable[str], now: float | None = None) -> list[str]:
        """Those that were there at every look for so many seconds. Each look names all there are;
        what it leaves out is forgotten. `now` in seconds of `time.monotonic`."""
        now = time.monotonic() if now is None else now
        self._since = {sign: self._since.get(sign, now) for sign in signs}
        return [sign for sign, since in self._since.items() if now - since >= self._seconds]
