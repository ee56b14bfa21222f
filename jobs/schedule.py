"""The clock: `python -m jobs.schedule` calls `jobs.housekeeping.tick` every few seconds.

It keeps no schedule of its own. What is due stands in the database and is claimed there, so two
clocks, a missing one or a late one do no harm."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from importlib import import_module
from types import FrameType

from jobs.application import get_app

TICK_SECONDS = 5.0
log = logging.getLogger("datasync.schedule")


def main() -> int:
    """Tick until told to stop; a tick that fails is logged, and the next one comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    stop = threading.Event()

    def request_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    app = get_app()
    while not stop.is_set():
        with app.app_context():
            _tick()
        stop.wait(TICK_SECONDS)
    return 0


def _tick() -> None:
    try:
        import_module("jobs.housekeeping").tick()
    except Exception:
        # Whatever it was (a lost database, a full queue), the next tick tries again.
        log.exception("The tick failed; the next one comes in %s seconds.", TICK_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
