"""One malformed file and what it should be read as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.reading_corpus.tables import Row, Table


@dataclass(frozen=True, slots=True)
class Case:
    """A file. Every row of the clean table has to be read as it is, but for those in `free`."""

    kind: str
    name: str
    data: bytes
    table: Table
    free: Mapping[int, tuple[Row, ...]] = field(default_factory=dict)
    """Rows nobody can read surely: each may be set aside, be read as it was, or as one of these."""
    header: Row | None = None
    """What the header is read as, where it is not the table's."""
    has_header: bool = True
    names_may_differ: frozenset[int] = frozenset()
    """The columns whose name can't be told; it must not be that of another column."""
