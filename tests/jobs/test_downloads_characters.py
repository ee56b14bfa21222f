"""A preview tells beforehand what the encoding of the file can't write, and the run stops at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jobs.downloading import download, draft, settings
from tests.jobs.site import Site
from tests.jobs.test_crossrefs import _types_as_they_came as _types_as_they_came
from tests.jobs.test_crossrefs import add
from tests.jobs.test_transaction_upload import put
from webapp.extensions import db
from webapp.models import Run
from webapp.rules.download_settings import (
    ColumnChoice,
    DownloadRequest,
    DownloadSettings,
    Encoding,
    Start,
)
from webapp.services import downloads


def lacking(site: Site, chosen: DownloadSettings, **more: Any) -> dict[str, Any] | None:
    """What a preview tells of characters that can't be written."""
    run_id = draft(site, DownloadRequest(Start.LAST, None, None, chosen), **more)
    site.preview(run_id)
    with site.app.app_context():
        preview_id = db.session.get_one(Run, run_id).preview_id
        told = downloads.describe_preview(db.session.get_one(Run, preview_id))
        db.session.remove()
    assert told is not None
    found: dict[str, Any] | None = told["lacking"]
    return found


def test_the_preview_says_who_has_characters_that_the_file_lacks(site: Site) -> None:
    """The values as they go out: through the cross-references, under their headings."""
    add(site, "field:TITLE", "Dr.", "Dř")
    far = "x" * 300
    ann = site.person(first_name="Ann", last_name="Ő€", nickname="Ω", title="Dr.")
    bob = site.person(first_name="Bob", last_name="Müller–€", nickname="=1\u200b")
    cem = site.person(first_name="Cem", nickname=f"{far}Ж{far}")
    site.person(first_name="Dee", suffix="Ж")  # a column that isn't in the file
    columns = (
        ColumnChoice("NICKNAME", "Nick"), ColumnChoice("LAST_NAME"), ColumnChoice("TITLE"),
        ColumnChoice("BIRTH_DATE"), ColumnChoice("GROUP_IDS"),
    )  # fmt: skip
    chosen = DownloadSettings(columns=columns, encoding=Encoding.WINDOWS)

    found = lacking(site, chosen)

    assert found is not None
    assert found["records"] == 3
    assert found["columns"] == [["Nick", 3], ["LAST_NAME", 1], ["TITLE", 1]]
    *most, [*last, cut, sign] = found["first"]
    assert most == [
        [ann, "Ann Ő€", "Nick", "Ω", "Ω"],
        [ann, "Ann Ő€", "LAST_NAME", "Ő€", "Ő"],
        [ann, "Ann Ő€", "TITLE", "Dř", "ř"],
        [bob, "Bob Müller–€", "Nick", "'=1\u200b", "U+200B"],
    ]
    assert (last, sign) == ([cem, "Cem", "Nick"], "Ж")
    assert cut.startswith("…x")
    assert cut.endswith("x…")
    assert "Ж" in cut
    assert len(cut) < 100
    assert download(site, chosen).state == "failure"


def test_a_run_names_what_cannot_be_seen_by_its_number(site: Site) -> None:
    site.person(first_name="Bob\u200b")
    found = download(site, settings("FIRST_NAME", encoding=Encoding.WINDOWS))
    assert "“U+200B” can't be written" in (found.failure or "")


@pytest.mark.parametrize(
    "more",
    [
        {"encoding": Encoding.UTF8},
        {"encoding": Encoding.UTF8_BOM},
        {"encoding": Encoding.UTF16},
        {"encoding": Encoding.WINDOWS, "formats": ("xlsx",)},
    ],
)
def test_where_nothing_is_lacking_nothing_is_said(site: Site, more: dict[str, Any]) -> None:
    site.person(first_name="Ж")
    assert lacking(site, settings("FIRST_NAME", **more)) is None


def test_what_is_not_in_the_file_is_no_problem(site: Site) -> None:
    site.person(first_name="Ann", nickname="Ж")
    download(site, settings())
    site.person(first_name="Bœb")
    chosen = settings("FIRST_NAME", "NICKNAME", encoding=Encoding.WINDOWS)
    assert lacking(site, chosen) is None
    assert download(site, chosen).state == "success"


def test_the_file_of_those_who_are_gone_counts_too(site: Site) -> None:
    gone = site.person(first_name="Ann", member_id="Č-1")
    download(site, settings())
    site.sql_do(f"DELETE FROM constituents WHERE id = {gone}")
    chosen = settings("FIRST_NAME", encoding=Encoding.WINDOWS)

    found = lacking(site, chosen)

    assert found is not None
    assert found["records"] == 1
    assert found["columns"] == [["MEMBER_ID", 1]]
    assert found["first"] == [[gone, None, "MEMBER_ID", "Č-1", "Č"]]
    assert download(site, chosen).state == "failure"


def test_the_first_few_are_named(site: Site) -> None:
    people = [site.person(first_name=f"Ж{number}") for number in range(30)]
    found = lacking(site, settings("FIRST_NAME", encoding=Encoding.WINDOWS))
    assert found is not None
    assert found["records"] == 30
    assert [line[0] for line in found["first"]] == people[: len(found["first"])]
    assert len(found["first"]) == 10


def test_a_transaction_is_named_as_on_the_held_back_list(site: Site) -> None:
    ann = site.person(member_id="A-1", first_name="Ann")
    number = put(
        site,
        ann,
        "T-1",
        "20.00",
        creation_method=1,
        tender_type="credit_card",
        tribute_name="Жанна",
    )
    chosen = DownloadSettings(encoding=Encoding.WINDOWS)

    found = lacking(site, chosen, operation="transaction-information-download")

    assert found is not None
    assert found["columns"] == [["TRIBUTE_NAME", 1]]
    assert found["first"] == [[number, "T-1 · Ann", "TRIBUTE_NAME", "Жанна", "Ж"]]


def test_who_left_the_center_is_not_named_to_it(site: Site) -> None:
    ann = site.person(member_id="Č-1", first_name="Ann")
    north = site.insert("centers", name="North")
    site.insert("center_members", center_id=north, constituent_id=ann)
    download(site, center_id=north)
    site.sql_do("DELETE FROM center_members")

    found = lacking(site, settings(encoding=Encoding.WINDOWS), center_id=north)

    assert found is not None
    assert found["first"] == [[ann, None, "MEMBER_ID", "Č-1", "Č"]]
