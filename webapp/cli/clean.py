"""`datasync clean`: the table of each file as UTF-8 CSV. Nothing is repaired unless asked for."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webapp.cli.local_files import (
    NOTHING_IN_IT,
    LocalFile,
    choices_of,
    examine_file,
    make_doctor,
    read_rows,
    unopened,
    well_formed,
)
from webapp.cli.printing import outside_lines, plural
from webapp.cli.table_files import TableFiles, Targets, choose_targets
from webapp.rules.reading import Batch, Choices, Examination, Refusal, UnreadableError

if TYPE_CHECKING:
    from webapp.rules.doctor import Finding

WRONG_USAGE = 2


@dataclass(slots=True)
class Cleaned:
    """What became of one file."""

    file: str
    out: str | None = None
    rejected: str | None = None
    rows: int = 0
    set_aside: int = 0
    recovered: int = 0
    as_written: int = 0
    """Rows that a run would set aside for a quotation mark in a number, a date or a code."""
    outside: list[dict[str, Any]] = field(default_factory=list)
    repaired: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked of every file."""

    choices: Choices
    repairs: frozenset[str]
    """Kinds of damage; `all` stands for each of them."""
    names_columns: bool


def run(options: argparse.Namespace) -> int:
    """0 when every file was written, 1 when one could not be; the others are all the same."""
    wrong = _wrong_usage(options)
    targets = [] if wrong else choose_targets(options.files, options.out, options.out_dir)
    wrong = wrong or _overwrites(options.files, targets)
    if wrong:
        sys.stderr.write(f"datasync: {wrong}\n")
        return WRONG_USAGE
    wanted = _Wanted(choices_of(options), _kinds(options.repair), options.name_columns)
    done = []
    for path, target in zip(options.files, targets, strict=True):
        cleaned = _clean(path, target, wanted)
        done.append(cleaned)
        if not options.json:
            _print(cleaned)
    failed = sum(cleaned.failure is not None for cleaned in done)
    if options.json:
        told = {"files": [asdict(cleaned) for cleaned in done], "failed": failed}
        print(json.dumps(told, ensure_ascii=False))
    return 1 if failed else 0


def _wrong_usage(options: argparse.Namespace) -> str | None:
    if options.out is not None and len(options.files) > 1:
        return "--out is for one file. Use --out-dir DIR for several."
    if options.out is not None and options.out.exists() and not options.out.is_file():
        return f"{options.out} is not a file. Give the name of the file to write."
    if options.out_dir is not None and options.out_dir.exists() and not options.out_dir.is_dir():
        return f"{options.out_dir} is not a folder. Give the folder to write into."
    if options.repair:
        from webapp.rules.doctor import DamageKind

        unknown = sorted(_kinds(options.repair) - {"all", *DamageKind})
        if unknown:
            known = ", ".join(("all", *DamageKind))
            return f"no damage is called {unknown[0]}. Use {known}."
    return None


def _overwrites(files: Sequence[Path], targets: Sequence[Targets]) -> str | None:
    """A file that is read must not be written to."""
    read = {path.resolve() for path in files}
    for target in targets:
        for path in (target.table, target.rejected):
            if path.resolve() in read:
                return f"{path} is one of the files to read. Write to another name or folder."
    return None


def _kinds(text: str | None) -> frozenset[str]:
    return frozenset(filter(None, (part.strip().lower() for part in (text or "").split(","))))


def _clean(path: Path, target: Targets, wanted: _Wanted) -> Cleaned:
    cleaned = Cleaned(str(path), notes=[target.note] if target.note else [])
    examined = examine_file(path, wanted.choices)
    try:
        if isinstance(examined, Refusal) and examined.code in NOTHING_IN_IT:
            _write_nothing(target, cleaned)
        elif isinstance(examined, Refusal):
            cleaned.failure = examined.message
        elif examined[1].must_choose:
            cleaned.failure = _ask_which(examined[1])
        else:
            _write_table(*examined, target, wanted, cleaned)
    except UnreadableError as error:
        cleaned.failure = error.refusal.message
    except OSError as error:
        cleaned.failure = unopened(error).message
    if cleaned.failure:
        cleaned.out = cleaned.rejected = None
    return cleaned


def _write_nothing(target: Targets, cleaned: Cleaned) -> None:
    with TableFiles(target):
        pass
    cleaned.out = str(target.table)
    cleaned.notes.append("There is nothing in this file, so the file written is empty too.")


def _ask_which(found: Examination) -> str:
    names = ", ".join(sheet.name for sheet in found.sheets)
    is_member = any(sheet.name == found.dialect.member for sheet in found.sheets)
    option = "--member" if is_member else "--sheet"
    return f"There are several tables in this file; say with {option} which is meant: {names}."


def _write_table(
    source: LocalFile, found: Examination, target: Targets, wanted: _Wanted, cleaned: Cleaned
) -> None:
    repairs = _find_repairs(source, found, wanted.repairs) if wanted.repairs else None
    cleaned.outside = [asdict(outside) for outside in found.outside]
    with TableFiles(target) as files:
        if found.dialect.header_rows or wanted.names_columns:
            files.write_header(found.columns)
        for batch in read_rows(source, found):
            numbers, rows = well_formed(batch)
            if repairs is not None:
                rows = repairs.apply(numbers, rows)
            files.write_rows(rows)
            for number, why in batch.faults.items():
                if number not in batch.as_written:
                    files.set_aside(number, why, _raw_text(batch, number, found))
            cleaned.rows += len(rows)
            cleaned.set_aside += len(batch.faults) - len(batch.as_written)
            cleaned.as_written += len(batch.as_written)
            cleaned.recovered += len(batch.recovered)
    cleaned.out = str(target.table)
    cleaned.rejected = str(target.rejected) if cleaned.set_aside else None
    if not (found.dialect.header_rows or wanted.names_columns):
        cleaned.notes.append("The table has no header, so the file written has none either.")
    if found.is_unsure:
        cleaned.notes.append(
            f"It was read as {found.dialect.encoding}, but other encodings would do as well; look "
            "at names with accents, or say --encoding."
        )
    if repairs is not None:
        cleaned.repaired = repairs.told()


def _raw_text(batch: Batch, number: int, found: Examination) -> str:
    """The row as it stands in the file; of a workbook, its cells."""
    if number in batch.raw:
        return batch.raw[number]
    cells = batch.rows[batch.row_numbers.index(number)]
    return (found.dialect.delimiter or "\t").join(cells)


class _Repairing:
    """The repairs of one file, and how many cells each has changed."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        from webapp.rules.doctor import Repairs

        self._findings = findings
        self._repairs = Repairs([finding.repair() for finding in findings])

    def apply(self, numbers: list[int], rows: list[list[str]]) -> list[list[str]]:
        repaired, _ = self._repairs.apply(numbers, rows)
        return repaired

    def told(self) -> list[dict[str, Any]]:
        return [
            {
                "kind": str(finding.kind),
                "column": finding.column,
                "cells": self._repairs.cells[finding.id],
            }
            for finding in self._findings
        ]


def _find_repairs(source: LocalFile, found: Examination, kinds: frozenset[str]) -> _Repairing:
    """Look at every row first: a repair is offered for the whole of a column only."""
    doctor = make_doctor(found.columns)
    for batch in read_rows(source, found):
        doctor.look(*well_formed(batch))
    return _Repairing(
        [
            finding
            for finding in doctor.findings()
            if finding.can_repair and ("all" in kinds or finding.kind in kinds)
        ]
    )


def _print(cleaned: Cleaned) -> None:
    """What was done on standard output, what a person should see to on standard error."""
    for note in cleaned.notes:
        sys.stderr.write(f"datasync: {cleaned.file}: {note}\n")
    if cleaned.failure:
        sys.stderr.write(f"datasync: {cleaned.file}: {cleaned.failure}\n")
        return
    print(f"{cleaned.file}: {_counts(cleaned)} → {cleaned.out}")
    for line in outside_lines(cleaned.outside):
        print(line)
    for part in cleaned.repaired:
        print(f"  {part['column']}: {plural(part['cells'], 'cell')} repaired ({part['kind']})")


def _counts(cleaned: Cleaned) -> str:
    parts = [plural(cleaned.rows, "row")]
    if cleaned.recovered:
        parts.append(f"{cleaned.recovered:,} of them put right")
    if cleaned.as_written:
        parts.append(f"{cleaned.as_written:,} of them with a quotation mark that hardly belongs")
    if cleaned.set_aside:
        parts.append(f"{cleaned.set_aside:,} set aside in {cleaned.rejected}")
    return ", ".join(parts)
