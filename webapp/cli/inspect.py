"""`datasync inspect`: what is in a file, and what is wrong with it. Nothing is changed."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from webapp.cli.local_files import (
    LocalFile,
    choices_of,
    examine_file,
    make_doctor,
    read_rows,
    unopened,
    well_formed,
)
from webapp.cli.printing import print_found
from webapp.rules.reading import Batch, Examination, Refusal, UnreadableError

if TYPE_CHECKING:
    from webapp.rules.doctor import Finding

MOST_EXAMPLES = 20


def run(options: argparse.Namespace) -> int:
    """0 when there is a table in the file, 1 with a sentence when there is none."""
    examined = examine_file(options.file, choices_of(options))
    told: dict[str, Any] = {"file": str(options.file)}
    if isinstance(examined, Refusal):
        failure: Refusal | None = examined
    else:
        source, found = examined
        looked, failure = _look(source, found, options.rows)
        told |= describe(found, looked)
    told |= {"failure": failure.message if failure else None}
    if options.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        if not isinstance(examined, Refusal):
            print_found(told)
        if failure:
            sys.stderr.write(f"datasync: {options.file}: {failure.message}\n")
    return 1 if failure else 0


@dataclass(slots=True)
class Looked:
    """What the rows themselves show."""

    rows: int = 0
    last_row: int = 0
    recovered: int = 0
    set_aside: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)
    is_complete: bool = False
    damage: tuple[Finding, ...] = ()

    def add(self, batch: Batch) -> None:
        self.rows += len(batch)
        self.last_row = batch.row_numbers[-1]
        self.recovered += len(batch.recovered)
        self.set_aside += len(batch.faults)
        irregular = batch.recovered | batch.faults
        for number in sorted(irregular)[: MOST_EXAMPLES - len(self.examples)]:
            self.examples.append(
                {
                    "row": number,
                    "set_aside": number in batch.faults,
                    "message": irregular[number],
                    "raw": batch.raw.get(number, ""),
                }
            )


def _look(source: LocalFile, found: Examination, most: int | None) -> tuple[Looked, Refusal | None]:
    """Go through the rows, all or the first ones; where the rest can't be read, say why."""
    looked = Looked()
    doctor = make_doctor(found.columns)
    failure: Refusal | None = None
    try:
        for batch in read_rows(source, found):
            kept = batch if most is None else _first(batch, most - looked.rows)
            if len(kept):
                looked.add(kept)
                doctor.look(*well_formed(kept))
            if len(kept) < len(batch):
                break
        else:
            looked.is_complete = True
    except UnreadableError as error:
        failure = error.refusal
    except OSError as error:
        failure = unopened(error)
    looked.damage = doctor.findings()
    return looked, failure


def _first(batch: Batch, count: int) -> Batch:
    if count >= len(batch):
        return batch
    numbers = batch.row_numbers[:count]
    within = set(numbers)
    faults, recovered, raw = (
        {number: text for number, text in part.items() if number in within}
        for part in (batch.faults, batch.recovered, batch.raw)
    )
    return Batch(
        numbers, batch.rows[:count], faults, recovered, raw, batch.as_written.intersection(within)
    )


def describe(found: Examination, looked: Looked) -> dict[str, Any]:
    """What `--json` prints of a file that can be read."""
    dialect = found.dialect
    return {
        "kind": dialect.kind,
        "packing": dialect.packing,
        "member": dialect.member,
        "sheet": dialect.sheet,
        "sheets": [asdict(sheet) for sheet in found.sheets],
        "must_choose": found.must_choose,
        "encoding": dialect.encoding,
        "has_bom": dialect.had_bom,
        "is_unsure_of_encoding": found.is_unsure,
        "encodings": [asdict(reading) for reading in found.readings],
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "line_ending": dialect.line_ending,
        "header": {
            "row": dialect.header_line if dialect.header_rows else None,
            "rows": dialect.header_rows,
            "names": list(found.columns),
        },
        "table": {
            "first_row": dialect.header_line + 1,
            "last_row": looked.last_row or None,
            "rows": looked.rows,
            "columns": len(found.columns),
            "is_complete": looked.is_complete,
        },
        "columns": _columns(found),
        "irregular": {
            "recovered": looked.recovered,
            "set_aside": looked.set_aside,
            "examples": looked.examples,
        },
        "outside": [asdict(outside) for outside in found.outside],
        "damage": [finding.to_json() | {"id": finding.id} for finding in looked.damage],
        "notes": list(found.notes),
    }


def _columns(found: Examination) -> list[dict[str, Any]]:
    if found.found:
        return [asdict(column) for column in found.found]
    return [{"name": name, "kind": "", "fill": None, "samples": []} for name in found.columns]
