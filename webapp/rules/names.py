"""GROUP_NAME and INTEREST_NAME cells: names to the groups and interests that have them.

Names are compared without regard to case and to blanks around them; runs of blanks count as one.
A center's own come before the shared ones (those of no center); of another center's, only that
they are there is known.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from webapp.rules.faults import Fault, FaultCode
from webapp.rules.fields import Field
from webapp.rules.values import MemoReader, Reading, ReadSettings, read_cell, shown

NEW = "+"
"""Before a name that nobody has: the first row that needs it makes it."""

Refusal = tuple[FaultCode, str]
"""Why something of this name may not be used: the fault, and the reason as a sentence's end."""


@dataclass(frozen=True, slots=True)
class Named:
    """A group or interest that a file may name."""

    id: int
    name: str
    center_id: int | None = None
    refusal: Refusal | None = None


def cleaned(name: str) -> str:
    """A name as it is stored: composed, no blanks around it, single ones inside."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def folded_name(name: str) -> str:
    """A name as it is compared."""
    return cleaned(name).casefold()


class Names:
    """What names mean for one center (None: for the site), as it was at one moment."""

    def __init__(self, noun: str, named: Iterable[Named], center_id: int | None) -> None:
        self.noun = noun
        self._center_id = center_id
        self._by_name: dict[str, list[Named]] = {}
        for each in named:
            self._by_name.setdefault(folded_name(each.name), []).append(each)

    def find(self, name: str) -> int | Refusal | None:
        """The number of what has this name, why it may not be used, or None when nobody has it."""
        found = self._by_name.get(folded_name(name))
        if not found:
            return None
        for usable in self._by_nearness([each for each in found if each.refusal is None]):
            exact = [each for each in usable if each.name == cleaned(name)]
            if len(usable) == 1 or len(exact) == 1:
                return (exact or usable)[0].id
            if usable:
                return self._several(usable)
        return next(each.refusal for each in found if each.refusal)

    def _by_nearness(self, usable: Sequence[Named]) -> Iterable[list[Named]]:
        """Its own, the shared ones; for the site, those of any center."""
        if self._center_id is not None:
            yield [each for each in usable if each.center_id == self._center_id]
        yield [each for each in usable if each.center_id is None]
        yield [each for each in usable if each.center_id is not None]

    def _several(self, found: Sequence[Named]) -> Refusal:
        numbers = ", ".join(str(each.id) for each in found[:5])
        return (
            FaultCode.SEVERAL_OF_NAME,
            f"which several have ({numbers}). Use the number of the right one, in "
            f"EXT_{self.noun.upper()}_ID, and clear the name.",
        )


class NameReader(MemoReader):
    """Reads a column of names: the number of what has it, or `NEW` and the name."""

    def __init__(self, field: Field, names: Names, settings: ReadSettings) -> None:
        super().__init__(field)
        self._names = names
        self._settings = settings

    def _read_cell(self, cell: str) -> Reading:
        name = read_cell(self.field, cell, self._settings)
        if name is None or isinstance(name, Fault):
            return name
        found = self._names.find(name)
        if found is None:
            return NEW + cleaned(name)
        if isinstance(found, int):
            return str(found)
        code, reason = found
        column, noun = self.field.column, self._names.noun
        return Fault(code, column, shown(name), f"{column} names {noun} “{shown(name)}”, {reason}")
