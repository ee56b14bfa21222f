"""What the offline side knows once it took in every file: what stands online, whatever happened
between downloads, and from where on each of them was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from tests.jobs.downloading import download, settings
from tests.jobs.site import Site
from webapp.rules.download_settings import Start

STEPS = 110
COLUMNS = ("MEMBER_ID", "FIRST_NAME", "LAST_NAME")
STARTS = (Start.LAST, Start.LAST, Start.EVERYTHING, Start.FREE, Start.DATE, Start.AGAIN)


@dataclass
class Offline:
    """An offline system: a center's, or the site's (None)."""

    place: int | None
    upload: int
    knows: dict[int, list[str]] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)
    downloads: list[int] = field(default_factory=list)


class Walk:
    """A site, its two offline systems, and everything that is done to them."""

    def __init__(self, site: Site, chance: Random) -> None:
        self.site, self.chance, self.number = site, chance, 0
        self.center = site.insert("centers", name="North")
        self.systems = [Offline(place, self._upload_run(place)) for place in (None, self.center)]

    def _upload_run(self, place: int | None) -> int:
        found = self.site.sql(
            "INSERT INTO runs (operation_id, kind, state, center_id, label, notify, options)"
            " SELECT id, 'run', 'success', %s, '', '{}', '{}' FROM operations"
            " WHERE kind = 'standard_constituent_import' LIMIT 1 RETURNING id",
            place,
        )
        return int(found[0][0])

    def _next(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number}"

    def _write(self, by: Offline | None, statement: str, *values: object) -> list[Any]:
        with self.site.connection.transaction():
            run = str(by.upload) if by else ""
            self.site.connection.execute("SELECT set_config('datasync.run_id', %s, true)", [run])
            return self.site.connection.execute(statement, values).fetchall()

    def _anybody(self, condition: str = "true") -> int | None:
        found = [
            number
            for (number,) in self.site.sql(
                f"SELECT id FROM constituents c WHERE {condition} ORDER BY id"
            )
        ]
        return self.chance.choice(found) if found else None

    def _is_in(self, person: int) -> bool:
        return bool(self.site.sql("SELECT 1 FROM center_members WHERE constituent_id = %s", person))

    def _somebody(self) -> Offline | None:
        """Who does it: by hand, or one of the offline systems."""
        return self.chance.choice([None, None, *self.systems])

    # What happens ---------------------------------------------------------------------------

    def create(self) -> None:
        by, member_id, name = self._somebody(), self._next("m"), self._next("v")
        person = self._write(
            by,
            "INSERT INTO constituents (first_name, member_id) VALUES (%s, %s) RETURNING id",
            name,
            member_id,
        )[0][0]
        if (by and by.place) or self.chance.random() < 0.5:
            self._join(person, by)
        if by:
            by.knows[person] = [member_id, name, ""]

    def _join(self, person: int, by: Offline | None = None) -> None:
        self._write(
            by,
            "INSERT INTO center_members (center_id, constituent_id) VALUES (%s, %s) RETURNING 1",
            self.center,
            person,
        )

    def edit(self) -> None:
        """By hand, or by an upload of what that system knows."""
        by, person = self._somebody(), self._anybody("is_active")
        if person is None or (by and person not in by.knows):
            return
        if by and by.place and not self._is_in(person):
            return
        at, value = self.chance.choice((1, 2)), self._next("e")
        column = COLUMNS[at].lower()
        self._write(
            by,
            f"UPDATE constituents SET {column} = %s WHERE id = %s RETURNING id",
            value,
            person,
        )
        if by:
            by.knows[person][at] = value

    def remove_or_reactivate(self) -> None:
        self.site.sql_do(
            "UPDATE constituents SET active_detail = CASE WHEN is_active"
            " THEN 'Removed by administrator' ELSE 'Accepted' END"
            f" WHERE id = {self._anybody() or 0}"
        )

    def delete(self) -> None:
        """Who came and went between two downloads is told to nobody."""
        person = self._anybody()
        self.site.sql_do(
            f"DELETE FROM center_members WHERE constituent_id = {person or 0};"
            f" DELETE FROM constituents WHERE id = {person or 0}"
        )
        for system in self.systems:
            if person is not None and person not in system.told:
                system.knows.pop(person, None)

    def join_or_leave(self) -> None:
        person = self._anybody()
        if person is not None and self._is_in(person):
            self.site.sql_do(f"DELETE FROM center_members WHERE constituent_id = {person}")
        elif person is not None:
            self._join(person)

    def hand_over(self) -> None:
        """A member ID goes from one to another."""
        one, other = self._anybody("member_id IS NOT NULL"), self._anybody()
        if one is None or other is None or one == other:
            return
        [(member_id,)] = self.site.sql("SELECT member_id FROM constituents WHERE id = %s", one)
        self.site.sql_do(f"UPDATE constituents SET member_id = NULL WHERE id = {one}")
        self.site.sql_do(f"UPDATE constituents SET member_id = '{member_id}' WHERE id = {other}")

    def doubt(self) -> None:
        one, other = self._anybody(), self._anybody()
        if one is not None and one != other:
            self.site.sql_do(
                "INSERT INTO potential_matches (registration_id, candidate_id)"
                f" VALUES ({one}, {other}) ON CONFLICT DO NOTHING"
            )

    def decide(self, which: str = "true") -> None:
        self.site.sql_do(
            "UPDATE potential_matches SET decision = 'not_a_match', decided_at = now()"
            f" WHERE decision IS NULL AND {which}"
        )

    def decide_some(self) -> None:
        self.decide(f"id % 2 = {self.chance.randrange(2)}")

    def fetch(self) -> None:
        system, start = self.chance.choice(self.systems), self.chance.choice(STARTS)
        if start in (Start.FREE, Start.AGAIN) and not system.downloads:
            return
        more: dict[str, Any] = {}
        if start is Start.AGAIN:
            more["again"] = self.chance.choice(system.downloads)
        if start is Start.DATE:
            seconds = self.chance.choice((-100, -1, 0, 1, 100))
            more["since_at"] = datetime.now(UTC) + timedelta(seconds=seconds)
        self.take_in(system, start, **more)

    def take_in(self, system: Offline, start: Start, **more: Any) -> None:
        found = download(self.site, settings(*COLUMNS), start, center_id=system.place, **more)
        assert found.state == "success", found.failure
        system.downloads.append(found.run_id)
        for number in found.removed:
            system.knows.pop(number, None)
        for row in found.rows():
            system.knows[int(row["CONS_ID"])] = [row[name] for name in COLUMNS]
        system.told |= found.ids

    def online(self, system: Offline) -> dict[int, list[str]]:
        """What that system should know."""
        members = "id IN (SELECT constituent_id FROM center_members)"
        rows = self.site.sql(
            "SELECT id, member_id, first_name, last_name FROM constituents"
            f" WHERE is_active AND {'true' if system.place is None else members}"
        )
        return {number: [value or "" for value in values] for number, *values in rows}


@pytest.mark.parametrize("seed", range(3))
def test_what_it_took_in_is_what_stands_online(site: Site, seed: int) -> None:
    walk = Walk(site, Random(seed))
    acts = {
        walk.create: 18, walk.edit: 25, walk.remove_or_reactivate: 8, walk.delete: 5,
        walk.join_or_leave: 10, walk.hand_over: 4, walk.doubt: 6, walk.decide_some: 4,
        walk.fetch: 18,
    }  # fmt: skip
    for act in walk.chance.choices(list(acts), weights=list(acts.values()), k=STEPS):
        act()
    walk.decide()
    for system in walk.systems:
        walk.take_in(system, Start.LAST)
        assert system.knows == walk.online(system)
