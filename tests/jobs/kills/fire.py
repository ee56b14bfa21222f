"""Ten writers at once: short and long transactions, rollbacks, and two beside them that sit idle in
an open transaction while several downloads begin and end."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from tests.jobs.kills.clock import Clock, shows
from tests.processes.serving import PATIENCE

WRITERS = 10
SLEEPERS = 2
SHARED = 20
"""Records that every writer changes, beside its own."""
LONGEST_SLEEP = 4
"""Downloads that end while one transaction sits idle."""
FURTHEST = 6 * 3600
"""How far the clock is turned, in seconds, either way."""
IDLE = psycopg.pq.TransactionStatus.IDLE


@dataclass(slots=True)
class Tally:
    """What has happened so far."""

    commits: int = 0
    rollbacks: int = 0
    downloads: int = 0
    slept: int = 0
    """Transactions that were committed after two downloads or more had ended beside them."""
    forwards: int = 0
    backwards: int = 0

    def has_all(self, *, turns: bool) -> bool:
        """Whether each kind of trouble was there (`turns`: the clock can be turned)."""
        turned = not turns or (self.forwards > 0 and self.backwards > 0)
        return self.slept > 0 and self.rollbacks > 0 and turned


class Fire:
    """A record's nickname counts how often it was changed."""

    def __init__(self, url: str, clock: Clock | None) -> None:
        self.tally = Tally()
        self.failures: list[BaseException] = []
        self._url = url
        self._clock = clock
        self._changed = threading.Condition()
        self._is_over = threading.Event()
        with psycopg.connect(url, autocommit=True) as connection:
            rows = connection.execute(
                "INSERT INTO constituents (nickname) SELECT '1' FROM generate_series(1, %s)"
                " RETURNING id",
                [SHARED],
            ).fetchall()
        self._shared = sorted(row[0] for row in rows)
        self._threads = [self._thread(self._write, number) for number in range(WRITERS)]
        self._threads += [self._thread(self._sleep, 100 + number) for number in range(SLEEPERS)]
        if clock is not None:
            self._threads.append(self._thread(self._turn_clock, 200))

    def __enter__(self) -> Fire:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads)

    def end_download(self) -> None:
        """Tell that one more has ended, in whatever state."""
        with self._changed:
            self.tally.downloads += 1
            self._changed.notify_all()

    def _thread(
        self, work: Callable[[psycopg.Connection, random.Random, int], None], number: int
    ) -> threading.Thread:
        def go() -> None:
            try:
                with psycopg.connect(self._url) as connection:
                    connection.execute("SET synchronous_commit = off")
                    connection.commit()
                    work(connection, random.Random(number), number)
            except BaseException as error:
                self.failures.append(error)

        return threading.Thread(target=go, daemon=True)

    # Writers -----------------------------------------------------------------------------------

    def _write(self, connection: psycopg.Connection, chance: random.Random, number: int) -> None:
        own: list[int] = []
        while not self._is_over.is_set():
            self._transact(connection, chance, own, number)

    def _transact(
        self, connection: psycopg.Connection, chance: random.Random, own: list[int], number: int
    ) -> None:
        """One transaction, mostly short; one in forty stays open, two writers dawdle often."""
        before = list(own)
        for _ in range(1 if chance.random() < 0.8 else chance.randint(2, 8)):
            self._change(connection, chance, own)
        if chance.random() < (0.3 if number < 2 else 0.025):
            self._is_over.wait(chance.choice((0.05, 0.2, 1.0)))
        self._end(connection, chance, own, before)

    def _end(
        self,
        connection: psycopg.Connection,
        chance: random.Random,
        own: list[int],
        before: list[int],
    ) -> bool:
        """Commit, or roll back one in eight; whether it was committed."""
        if chance.random() < 0.12:
            connection.rollback()
            own[:] = before
            with self._changed:
                self.tally.rollbacks += 1
            return False
        connection.commit()
        with self._changed:
            self.tally.commits += 1
        return True

    def _change(
        self, connection: psycopg.Connection, chance: random.Random, own: list[int]
    ) -> None:
        kind = chance.random()
        if not own or kind < 0.45:
            own.append(create(connection))
        elif kind < 0.9:
            change(connection, chance.choice(own))
        elif kind < 0.95 and connection.info.transaction_status == IDLE:
            # One only, and first: two that wait for each other would be a deadlock
            change(connection, chance.choice(self._shared))
        elif kind > 0.98:
            connection.execute(
                "DELETE FROM constituents WHERE id = %s", [own.pop(chance.randrange(len(own)))]
            )

    # Those who leave a transaction open -------------------------------------------------------

    def _sleep(self, connection: psycopg.Connection, chance: random.Random, _number: int) -> None:
        own = [create(connection)]
        connection.commit()
        while not self._is_over.is_set():
            before = list(own)
            change(connection, chance.choice(own))
            own.append(create(connection))
            slept = self._await_downloads(chance.randint(2, LONGEST_SLEEP))
            # It takes its number first and is the last to be seen
            if self._end(connection, chance, own, before) and slept >= 2:
                with self._changed:
                    self.tally.slept += 1

    def _await_downloads(self, count: int) -> int:
        """Wait until so many have ended, or everything is over; how many did."""
        with self._changed:
            begin = self.tally.downloads
            self._changed.wait_for(
                lambda: self.tally.downloads >= begin + count or self._is_over.is_set()
            )
            return self.tally.downloads - begin

    # The clock ---------------------------------------------------------------------------------

    def _turn_clock(
        self, connection: psycopg.Connection, chance: random.Random, _number: int
    ) -> None:
        """Hours forwards and back, some times a second; the server has to show it each time."""
        assert self._clock is not None
        connection.autocommit = True
        latest = 0
        with ExitStack() as stack:
            stack.callback(self._clock.turn, 0)
            while not self._is_over.wait(chance.uniform(0.1, 0.8)):
                seconds = chance.randint(-FURTHEST, FURTHEST)
                self._clock.turn(seconds)
                assert shows(connection, seconds), "the server goes by another clock"
                if seconds - latest > 3600:
                    self.tally.forwards += 1
                elif latest - seconds > 3600:
                    self.tally.backwards += 1
                latest = seconds


def create(connection: psycopg.Connection) -> int:
    """A new record, changed once."""
    row = connection.execute(
        "INSERT INTO constituents (nickname) VALUES ('1') RETURNING id"
    ).fetchone()
    assert row is not None
    return int(row[0])


def change(connection: psycopg.Connection, record: int) -> None:
    """Count one more change of a record."""
    connection.execute(
        "UPDATE constituents SET nickname = (nickname::int + 1)::text WHERE id = %s", [record]
    )
