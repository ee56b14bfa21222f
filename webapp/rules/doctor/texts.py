"""The frame of watches for damage that a text shows by itself, whatever stands beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from webapp.rules.doctor.contract import Finding
from webapp.rules.doctor.uses import Purpose
from webapp.rules.doctor.watching import Describe, Glance, Tally, Watch

_SAMPLE = 1_000


class TextWatch(Watch):
    """Tallies the damaged texts of a column by the sort that `sort_text` gives them."""

    def __init__(self, purpose: Purpose, describe: Describe) -> None:
        self.purpose, self.describe = purpose, describe
        self.tallies: dict[str, Tally] = defaultdict(Tally)

    def may_concern(self, text: str, glance: Glance) -> bool:
        """Whether any of the distinct cells, joined to one text, can be damaged."""
        raise NotImplementedError

    def sort_text(self, text: str) -> str | None:
        """The sort of a damaged text, None for a sound one."""
        raise NotImplementedError

    def findings(self) -> Iterable[Finding]:
        """What there is, once every row was seen."""
        raise NotImplementedError

    def look(self, glance: Glance) -> None:
        position = self.purpose.position
        if not self.may_concern(glance.text(position), glance):
            return
        found = {}
        for text, rows in glance.counts(position).items():
            sort = self.sort_text(text)
            if sort is not None:
                found[text] = sort
                self.tallies[sort].add(text, rows)
        if found:
            self._show(found, glance)

    def _show(self, found: dict[str, str], glance: Glance) -> None:
        wanting = {text for text, sort in found.items() if self.tallies[sort].wants_example(text)}
        if not wanting:
            return
        for index, text in enumerate(glance.cells(self.purpose.position)):
            if text not in wanting:
                continue
            wanting.discard(text)
            tally = self.tallies[found[text]]
            if tally.wants_example(text):
                context = self.describe(glance.rows[index], self.purpose.position)
                tally.show(glance.numbers[index], text, context)
            if not wanting:
                return


class Sample:
    """The first distinct texts of a column: what is usual in it."""

    def __init__(self, position: int) -> None:
        self._position = position
        self.texts: dict[str, None] = {}

    def take(self, glance: Glance) -> None:
        """Take in a batch, until there are enough."""
        if len(self.texts) < _SAMPLE:
            self.texts |= dict.fromkeys(islice(glance.counts(self._position), _SAMPLE))


def in_cells(count: int) -> str:
    """A number of cells, as a sentence begins."""
    return "1 cell" if count == 1 else f"{count:,} cells"
