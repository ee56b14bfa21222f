"""Text tables: what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from webapp.rules.reading import headers, signatures
from webapp.rules.reading.dialects import (
    find_dialect,
    find_line_ending,
    leaves_out_trailing_blanks,
    named_delimiter,
)
from webapp.rules.reading.encodings import find_encoding
from webapp.rules.reading.kinds import describe_column
from webapp.rules.reading.layout import Layout, find_end, find_layout, note_layout
from webapp.rules.reading.line_samples import TextSample, take_sample
from webapp.rules.reading.records import RecordReader
from webapp.rules.reading.recovery import Recovery
from webapp.rules.reading.refusals import check_first_lines
from webapp.rules.reading.rows import Records, sample_rows, split_raw
from webapp.rules.reading.run_together import split_names
from webapp.rules.reading.shapes import NAMES, learn_shapes
from webapp.rules.reading.tables import (
    Choices,
    Dialect,
    Examination,
    Irregular,
    Limits,
    Refusal,
    Source,
)
from webapp.rules.reading.text_rows import read_delimited

FIRST_ROWS = 20
_LEARNT_FROM = 300
_MOST_IRREGULAR = 20
_MANY = 11
_LOOKED_AT = 60
"""Irregular rows of a sample that are looked at closely; each may take milliseconds."""


def examine_text(
    source: Source,
    limits: Limits,
    choices: Choices = Choices(),  # noqa: B008
    *,
    may_lack_rows: bool = False,
    packing: Dialect | None = None,
) -> Examination | Refusal:
    """Find encoding, dialect and place of the table of a text file, or say why it is no table."""
    encoding = find_encoding(source, choices.encoding)
    draft = replace(packing or Dialect("csv"), encoding=encoding.encoding, had_bom=encoding.had_bom)
    sample = take_sample(source, draft, limits)
    text = "".join(sample.head)
    refusal = signatures.refuse_text(text, whole=sample.is_whole)
    if refusal:
        return refusal
    if signatures.looks_binary(text):
        return signatures.refuse_binary()
    if not text.strip("\ufeff\x1a\x00 \t\r\n,;|"):
        return signatures.refuse_blank()
    if not sample.is_whole and len(sample.head) > 1:
        sample.head = sample.head[:-1]
    check_first_lines(sample.head, limits)
    draft = replace(draft, line_ending=find_line_ending(sample.head))
    dialect, note = find_dialect(sample.parts, draft, choices)
    finder = _Finder(source, sample, dialect, limits, choices)
    found = finder.find((encoding.note, note), may_lack_rows=may_lack_rows)
    if isinstance(found, Refusal):
        return found
    return replace(found, readings=encoding.readings, is_unsure=encoding.is_unsure)


class _Finder:
    """Finds the table in a sample, step by step."""

    def __init__(
        self,
        source: Source,
        sample: TextSample,
        dialect: Dialect,
        limits: Limits,
        choices: Choices,
    ) -> None:
        self.source = source
        self.sample = sample
        self.dialect = dialect
        self.limits = limits
        self.choices = choices
        self.start = sample.blank_lines + 1
        self.notes: list[str] = []
        self.broken: set[int] = set()
        """The rows of the sample whose quotes are not in order."""

    def find(self, notes: tuple[str, ...], *, may_lack_rows: bool) -> Examination | Refusal:
        layout = self._find_layout()
        if layout is None:
            return signatures.refuse_blank()
        refusal = headers.check_names(layout.columns, self.limits)
        if refusal:
            return refusal
        self._learn(layout)
        records = self._read_below(layout)
        rows = _raw_rows(records, self.dialect)
        start = layout.header_line + 1
        end = find_end(
            rows,
            layout,
            self.choices,
            start=start,
            is_whole=self.sample.is_whole,
            tail=self._tail_rows(),
        )
        self.dialect = replace(
            self.dialect,
            last_line=end.last_line,
            footer_rows=end.footer_rows,
            repeats_header=end.repeats_header,
        )
        first = next(read_delimited(self.source, self.dialect, 0, self.limits, FIRST_ROWS), None)
        if first is None and not may_lack_rows:
            return headers.refuse_no_rows()
        if self.dialect.pads_short_rows:
            self.notes.append("Rows that end early are filled up with blank cells.")
        irregular = _irregular_rows(records.cut(0, end.rows), start)
        body = [
            row[: len(layout.columns)]
            for at, row in enumerate(records.rows[: end.rows])
            if at not in records.broken
            and len(row) >= len(layout.columns)
            and any(map(str.strip, row))
        ][:1_000]
        return Examination(
            dialect=self.dialect,
            columns=layout.columns,
            first_rows=tuple(tuple(row) for row in first.rows) if first else (),
            notes=(*notes, *note_layout(layout, end, self.start), *self.notes),
            rows_estimate=self._estimate(len(rows), end.rows, records),
            found=tuple(
                describe_column(name, [row[at] for row in body])
                for at, name in enumerate(layout.columns)
            ),
            outside=(*layout.outside, *end.outside),
            irregular=irregular[:_MOST_IRREGULAR],
            irregular_count=len(irregular),
        )

    def _find_layout(self) -> Layout | None:
        rows: list[list[str]] = []
        texts: dict[int, str] = {}
        self.broken.clear()
        lines = self.sample.head
        for row, begin, end in sample_rows(lines, self.dialect, is_whole=self.sample.is_whole):
            if row is None or len(rows) < 100:
                texts[len(rows)] = "".join(lines[begin:end])
            if row is None:
                self.broken.add(len(rows))
            rows.append(self._split_roughly(lines[begin]) if row is None else row)
        if rows and named_delimiter(lines[:1]):
            rows[0] = []
        layout = find_layout(rows, choices=self.choices, start=self.start)
        if layout is None:
            return None
        above = self._find_header_above(rows, texts, layout)
        if above is not None:
            return above
        if layout.header_rows == 0:
            return layout
        at = layout.header_line - layout.header_rows - self.start + 1
        text = texts.get(at, "")
        header = self._repair_header(rows[at], text, layout, strays=at in self.broken)
        if header is None:
            return layout
        return find_layout(rows, choices=self.choices, start=self.start, header=header)

    def _split_roughly(self, line: str) -> list[str]:
        """The cells of a line with a stray quote."""
        cells = line.rstrip("\r\n").split(self.dialect.delimiter)
        return [cell.strip(self.dialect.quote) if self.dialect.quote else cell for cell in cells]

    def _find_header_above(
        self, rows: list[list[str]], texts: dict[int, str], layout: Layout
    ) -> Layout | None:
        """A header that is separated by something else than the rows looks like a title."""
        at = layout.header_line - layout.header_rows - self.start
        width = layout.raw_width
        if width < 3 or at < 0 or self.choices.header_line is not None or len(rows[at]) >= width:
            return None
        text = texts.get(at, "")
        if layout.header_rows and (len(rows[at]) > 1 or text.count(" ") >= width - 1):
            return None
        dialect = replace(self.dialect, width=width, cells=0)
        found = Recovery(dialect, [NAMES] * width).recover(text)
        if found is None or not headers.are_names(found.cells):
            return None
        self.notes.append(f"The header was put right. {found.message}")
        choices = replace(self.choices, header_line=at + self.start)
        return find_layout(rows, choices=choices, start=self.start, header=found.cells)

    def _repair_header(
        self, row: list[str], text: str, layout: Layout, *, strays: bool
    ) -> list[str] | None:
        """The header's cells where they are not as many as the rows below have."""
        width = layout.raw_width
        quote = self.dialect.quote
        strays = strays or (bool(quote) and any(cell.count(quote) % 2 for cell in row))
        if not text or not layout.body or (len(row) == width and not strays):
            return None
        if width == 1:
            filled = [cell for cell in row if cell.strip()]
            return [text.strip()] if strays else filled if len(filled) == 1 else None
        if _is_cut_well(row, width, layout):
            return None
        dialect = replace(self.dialect, width=width, cells=0)
        found = Recovery(dialect, [NAMES] * width).recover(text)
        if found is not None:
            if found.message:
                self.notes.append(f"The header was put right. {found.message}")
            return found.cells
        return self._lengthen_header(row, width, layout) if len(row) < width else None

    def _lengthen_header(self, row: list[str], width: int, layout: Layout) -> list[str] | None:
        """The header's cells where they are too few, and nothing in its text says why."""
        if len(layout.body) < _MANY:
            return None
        names = split_names(row, width, layout.body)
        if names is not None:
            if names[-1]:
                self.notes.append(
                    "The header has too few names for its columns; one was taken for two: "
                    f"{', '.join(names)}."
                )
            return names
        if not any(cell.strip() for other in layout.body for cell in other[len(row) :]):
            # The rows end in blank cells that have no name.
            return [*row, *[""] * (width - len(row))]
        if layout.header_rows > 1:
            return None
        self.notes.append(
            f"The header has {len(row)} names for {width} columns ({', '.join(row)}), so columns "
            "are named by position; put in what is missing from the header and choose the file "
            "again."
        )
        return headers.name_columns(layout.body, width)

    def _learn(self, layout: Layout) -> None:
        """What a later read needs to know of the table."""
        width, cells = len(layout.columns), max(layout.raw_width, len(layout.columns))
        body = layout.body[:]
        if any(cell.strip() for row in layout.all_rows for cell in row[width:]):
            # More than the header has names for: these rows are at fault, not the others.
            cells = width
        draft = replace(self.dialect, width=width, cells=cells if cells > width else 0)
        known: list[Sequence[str]] = [row for row in body if len(row) == cells]
        known = known[:_LEARNT_FROM]
        for part in (*self.sample.middle, self.sample.tail):
            found = [row for row, _, _ in sample_rows(part, draft) if row and len(row) == cells]
            known += found[:50]
        sound = [row for row in known if not _has_odd_quotes(row, draft.quote)]
        if len(sound) * 2 > len(known):
            known = sound
        self.dialect = replace(
            draft,
            header_line=layout.header_line,
            header_rows=layout.header_rows,
            shapes=tuple(shape.to_text() for shape in learn_shapes(known, cells)),
            pads_short_rows=leaves_out_trailing_blanks(
                [list(row) for row in layout.all_rows[:2_000]], width
            ),
        )

    def _read_below(self, layout: Layout) -> Records:
        """The records below the header, as a later read will find them."""
        reader = RecordReader(self.dialect, self.limits)
        reader.irregular.most_looked_at = _LOOKED_AT
        lines = self._lines_below(layout.header_line - self.start + 1)
        return reader.read_sample(lines, is_whole=self.sample.is_whole)

    def _lines_below(self, count: int) -> list[str]:
        lines = self.sample.head
        if count <= 0:
            return lines
        for number, (_row, _begin, end) in enumerate(
            sample_rows(lines, self.dialect, is_whole=self.sample.is_whole), start=1
        ):
            if number == count:
                return lines[end:]
        return []

    def _tail_rows(self) -> list[list[str]]:
        if self.sample.is_whole or not self.sample.tail:
            return []
        reader = RecordReader(self.dialect, self.limits)
        reader.irregular.most_looked_at = _LOOKED_AT
        records = reader.read_sample(self.sample.tail, is_whole=True)
        return _raw_rows(records, self.dialect)[-200:]

    def _estimate(self, count: int, end: int, records: Records) -> int:
        filled = sum(1 for row in records.rows[:end] if any(map(str.strip, row)))
        if self.sample.is_whole or self.dialect.last_line or not count:
            return filled
        characters = sum(map(len, self.sample.head))
        size = len(
            "".join(self.sample.head[:2_000]).encode(
                _PLAIN.get(self.dialect.encoding, "utf-8"), "replace"
            )
        )
        per = size / max(1, sum(map(len, self.sample.head[:2_000])))
        return max(filled, int(self.source.size / max(1.0, characters * per) * filled))


_PLAIN = {"utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be", "windows-1252": "latin-1"}


def _is_cut_well(row: list[str], width: int, layout: Layout) -> bool:
    """Has a header only blank cells too many, at its end?"""
    if len(row) <= width or any(cell.strip() for cell in row[width:]):
        return False
    return layout.header_rows > 1 or all(cell.strip() for cell in row[:width])


def _has_odd_quotes(row: Sequence[str], quote: str) -> bool:
    return bool(quote) and any(cell.count(quote) % 2 for cell in row)


def _raw_rows(records: Records, dialect: Dialect) -> list[list[str]]:
    """The rows as they stand in the file, before anything was put right."""
    return [
        split_raw(records.raw[at], dialect) if at in records.raw else row
        for at, row in enumerate(records.rows)
    ]


def _irregular_rows(records: Records, start: int) -> tuple[Irregular, ...]:
    told = {at: (True, why) for at, why in records.broken.items()}
    told |= {at: (False, what) for at, what in records.recovered.items()}
    return tuple(
        Irregular(start + at, told[at][0], told[at][1], records.raw.get(at, "")[:500])
        for at in sorted(told)
    )
