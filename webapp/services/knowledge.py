"""What the database knows that helps to tell damage from data: ZIPs of cities, keys in use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp.rules.doctor.places import folded_place, state_code

SAMPLE_BYTES = 64 * 1024**2
"""How much of the constituents is looked at for their places, however many there are."""
MOST_QUESTIONS = 1_000

_SIZE = text("SELECT pg_relation_size('constituents')")
_PLACES = """
SELECT home_city, coalesce(home_stateprov, ''), array_agg(DISTINCT left(home_zip, 5))
FROM constituents {sample}
WHERE is_active AND home_city IS NOT NULL AND home_zip ~ '^[0-9]{{5}}(-?[0-9]{{4}})?$'
GROUP BY 1, 2"""

_KEYS = {
    "MEMBER_ID": text("""
SELECT 1 FROM constituents c WHERE c.is_active AND c.member_id = :value
    AND (CAST(:center AS bigint) IS NULL OR EXISTS (SELECT 1 FROM center_members m
        WHERE m.center_id = :center AND m.constituent_id = c.id))"""),
    "PRIMARY_EMAIL": text("""
SELECT 1 FROM constituents c WHERE c.is_active AND lower(c.primary_email) = lower(:value)
    AND (CAST(:center AS bigint) IS NULL OR EXISTS (SELECT 1 FROM center_members m
        WHERE m.center_id = :center AND m.constituent_id = c.id)) LIMIT 1"""),
}
"""The fields that an index answers for."""


class DatabaseKnowledge:
    """Answers the doctor (`rules.doctor.Knowledge`). A center hears of its own people's keys only.

    The places are gathered by one statement when they are first asked for.
    """

    def __init__(self, session: Session, center_id: int | None = None) -> None:
        self._session = session
        self._center_id = center_id
        self._zips: dict[str, dict[str, set[str]]] | None = None
        self._known: dict[tuple[str, str], bool] = {}

    def zips_of(self, city: str, state: str) -> Collection[str]:
        """The ZIPs stored for a city (blank state: in any); empty when none is known."""
        if self._zips is None:
            self._zips = self._gather()
        by_state = self._zips.get(folded_place(city), {})
        if state.strip():
            return by_state.get(_state(state), set())
        return set().union(*by_state.values())

    def knows_value(self, field: str, value: str) -> bool:
        """Whether an active record has exactly this value in the field."""
        statement, key = _KEYS.get(field), (field, value)
        if statement is None:
            return False
        if key not in self._known:
            if len(self._known) >= MOST_QUESTIONS:
                return False
            parameters = {"value": value, "center": self._center_id}
            found = self._session.execute(statement, parameters).first()
            self._known[key] = found is not None
        return self._known[key]

    def _gather(self) -> dict[str, dict[str, set[str]]]:
        size = int(self._session.scalar(_SIZE) or 0)
        share = 100 * SAMPLE_BYTES / size if size else 100
        # The same part each time, so that the doctor says the same each time
        sample = f"TABLESAMPLE SYSTEM ({share:.4f}) REPEATABLE (1)" if share < 100 else ""
        zips: defaultdict[str, dict[str, set[str]]] = defaultdict(dict)
        for city, state, found in self._session.execute(text(_PLACES.format(sample=sample))):
            zips[folded_place(city)].setdefault(_state(state), set()).update(found)
        return dict(zips)


def _state(state: str) -> str:
    return state_code(state) or folded_place(state)
