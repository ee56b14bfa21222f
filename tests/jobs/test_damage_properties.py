"""Whatever a spreadsheet did to a file and whatever of it a person has repaired: the preview tells
what the run does, every row has one outcome, an undo gives all back, and so do the rejects."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.jobs.site import Imported, Result, Site
from webapp.extensions import db
from webapp.models import Run
from webapp.rules.doctor import Repair
from webapp.rules.faults import FaultCode
from webapp.services import corrections, readings
from webapp.services.files import file_store
from webapp.transactions import commit

COLUMNS = ("MEMBER_ID", "FIRST_NAME", "LAST_NAME", "HOME_CITY", "HOME_STATEPROV", "HOME_ZIP",
           "BIRTH_DATE", "ACCEPTS_EMAIL")  # fmt: skip
PLACES = (("Boston", "MA", "02134"), ("Newark", "NJ", "07102"), ("Bangor", "ME", "04401"),
          ("Austin", "TX", "78701"))  # fmt: skip
FIRST = ("Ann", "José", "Zoë", "Bob", "D'Arcy", "Mary, Ann", 'The "Duke"')
LAST = ("Lee", "García", "Müller", "O'Neil", "Smith")

quick = settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)


def spoilt_by_kind(row: dict[str, str], kind: str) -> dict[str, str]:
    """The row as a spreadsheet or another program left it."""
    match kind:
        case "zeros":
            return row | {"HOME_ZIP": row["HOME_ZIP"].lstrip("0")}
        case "blanks":
            return row | {"HOME_CITY": row["HOME_CITY"] + "\u00a0"}
        case "mojibake":
            return row | {"LAST_NAME": row["LAST_NAME"].encode().decode("cp1252", "replace")}
        case "words":
            return row | {"FIRST_NAME": "NULL"}
        case "apostrophe":
            return row | {"HOME_ZIP": "'" + row["HOME_ZIP"]}
    return row


@st.composite
def members(draw: st.DrawFn) -> list[dict[str, str]]:
    """Thirty to sixty rows, damaged or not, a few of them wrong."""
    kinds = draw(st.lists(st.sampled_from(("zeros", "blanks", "mojibake", "words", "apostrophe")),
                          max_size=4, unique=True))  # fmt: skip
    rows = []
    for number in range(draw(st.integers(30, 60))):
        city, state, zip_code = draw(st.sampled_from(PLACES))
        row = {
            "MEMBER_ID": f"m{number:04}",
            "FIRST_NAME": draw(st.sampled_from(FIRST)),
            "LAST_NAME": draw(st.sampled_from(LAST)),
            "HOME_CITY": city,
            "HOME_STATEPROV": state,
            "HOME_ZIP": zip_code,
            "BIRTH_DATE": f"{draw(st.integers(1, 12))}/{draw(st.integers(1, 12))}/1980",
            "ACCEPTS_EMAIL": draw(st.sampled_from(("Yes", "Yes", "Yes", "No", "perhaps"))),
        }
        for kind in kinds:
            if draw(st.booleans()):
                row = spoilt_by_kind(row, kind)
        rows.append(row)
    return rows


ODDITIES = ("none", "missing", "extra", "quote", "other", "cut", "nul")


def odd(line: str, kind: str) -> str:
    """A line that is not like the others."""
    at = line.index(",", 8)
    match kind:
        case "missing":
            return line[:at] + line[at + 1 :]
        case "extra":
            return line[:at] + "," + line[at:]
        case "quote":
            return line[: at + 1] + '"' + line[at + 1 :]
        case "other":
            return line.replace(",", ";")
        case "cut":
            return line[: len(line) // 2]
        case "nul":
            return line[:at] + "\0" + line[at:]
    return line


@dataclass(frozen=True)
class Drawn:
    """A file, and which of its lines were left as they were."""

    text: str
    plain: Mapping[str, Mapping[str, str]]


@st.composite
def files(draw: st.DrawFn) -> Drawn:
    rows = draw(members())
    odd_rows = draw(
        st.dictionaries(st.integers(3, len(rows) - 3), st.sampled_from(ODDITIES), max_size=4)
    )
    lines = [",".join(COLUMNS)]
    for number, row in enumerate(rows):
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="").writerow(row.values())
        lines.append(odd(buffer.getvalue(), odd_rows.get(number, "none")))
    above = draw(st.sampled_from(("", "", "Members of the spring drive\n\n")))
    below = draw(st.sampled_from(("", "", f"Total,{len(rows)},,,,,,\n")))
    plain = {row["MEMBER_ID"]: row for number, row in enumerate(rows) if number not in odd_rows}
    return Drawn(above + "\n".join(lines) + "\n" + below, plain)


def accept_some(site: Site, draft: int, data: st.DataObject) -> list[Repair]:
    """Look for damage and have some of it repaired, or some texts of it."""
    with site.app.app_context():
        session = db.session()
        run = session.get_one(Run, draft)
        chosen = []
        for finding in readings.diagnose_upload(session, run):
            if not finding.can_repair or not data.draw(st.booleans(), f"repair {finding.id}"):
                continue
            texts = [change.before for change in finding.changes]
            some = data.draw(st.none() | st.lists(st.sampled_from(texts)), "texts")
            chosen.append(finding.repair(some))
            event(f"repairs {finding.kind}")
        readings.choose_repairs(session, run, chosen)
        commit(session)
        db.session.remove()
    return chosen


def correct(site: Site, draft: int) -> None:
    """One value everywhere, to one that a repair would not leave as it is."""
    with site.app.app_context():
        session = db.session()
        run = session.get_one(Run, draft)
        corrections.replace_value(
            session, run, column="FIRST_NAME", old_value="Bob", new_value="NULL", user_id=None
        )
        commit(session)
        db.session.remove()


def rejects_of(site: Site, run: Result) -> str:
    assert run.rejects_key is not None
    with site.app.app_context(), file_store().open(run.rejects_key) as stream:
        return stream.read().decode()


@quick
@given(drawn=files(), chunk_rows=st.sampled_from((1, 7, 10_000)), data=st.data())
def test_damaged_files_keep_every_promise(
    site: Site, drawn: Drawn, chunk_rows: int, data: st.DataObject
) -> None:
    site.reset()
    site.set(chunk_rows=chunk_rows)
    for member_id in data.draw(st.sets(st.sampled_from(sorted(drawn.plain)), max_size=5), "there"):
        site.person(member_id=member_id, first_name="Old", accepts_email=False)
    before = site.state()
    draft = site.draft(drawn.text)
    chosen = accept_some(site, draft, data)
    if is_corrected := data.draw(st.booleans(), "corrected"):
        correct(site, draft)
    imported = Imported(site.preview(draft), site.run(draft))
    imported.check()
    check_tallies(imported, chosen)
    check_plain_rows(site, drawn, imported, is_repaired=bool(chosen))
    if is_corrected:
        names = {row["member_id"]: row["first_name"] for row in stored(site)}
        bobs = {member for member, row in drawn.plain.items() if row["FIRST_NAME"] == "Bob"}
        gone = {row.cells[0] for row in imported.rows.values() if row.cells}
        assert {names[member] for member in bobs - gone} <= {"NULL"}
    if imported.run.rejects_key is not None:
        check_rejects(site, imported.run)
    undone = site.undo(imported.run.id)
    assert undone.state == "success", undone.failure
    assert site.state() == before


def check_tallies(imported: Imported, chosen: Sequence[Repair]) -> None:
    """Preview and run tell alike what was put right, and the rows tell as much."""
    preview, run = imported.preview, imported.run
    assert preview is not None
    for name in ("recovered", "repaired", "outside"):
        assert preview.tallies.get(name) == run.tallies.get(name), name
    assert list(run.rows) == sorted(run.rows)
    cells = sum(run.tallies.get("repaired", {}).values())
    accepted = {readings.repair_id(repair) for repair in chosen}
    assert accepted.issuperset(run.tallies.get("repaired", {}))
    told = sum("was read as" in note for row in run.rows.values() for note in row.notes)
    assert told == cells


def check_plain_rows(site: Site, drawn: Drawn, imported: Imported, *, is_repaired: bool) -> None:
    """The rows that were not touched went through, or were rejected for what is wrong in them."""
    people = {row["member_id"]: row for row in stored(site)}
    was_read = [row for row in imported.rows.values() if "irregular_row" not in row.codes]
    wrong = {row.cells[0] for row in was_read if row.cells}
    for member_id, row in drawn.plain.items():
        if row["ACCEPTS_EMAIL"] == "perhaps":
            assert member_id in wrong
            continue
        person = people[member_id]
        assert person["birth_date"] is not None
        if not is_repaired:
            assert person["last_name"] == row["LAST_NAME"]
            assert person["home_zip"] == row["HOME_ZIP"]


def stored(site: Site) -> list[dict[str, Any]]:
    return [dict(found) for (found,) in site.sql("SELECT to_jsonb(c) FROM constituents c")]


def check_rejects(site: Site, run: Result) -> None:
    """Sent again as it came, each row is rejected again, and its cells are the same."""
    again = site.preview(site.draft(rejects_of(site, run)))
    assert again.state == "success", again.failure
    rejected = [row for row in run.rows.values() if row.outcome == "rejected"]
    assert again.counts["rejected"] == again.rows_read == len(rejected)
    for row, twice in zip(rejected, again.rows.values(), strict=True):
        assert row.cells is not None
        assert twice.cells is not None
        if FaultCode.IRREGULAR_ROW in row.codes:
            assert twice.codes == ("irregular_row",)
        else:
            assert twice.cells[: len(COLUMNS)] == row.cells
            assert twice.codes == row.codes
