"""The documentation says what the code does: nothing left out, nothing that is gone."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.cli import build_parser
from webapp.models.runs import Run
from webapp.rules.faults import FAULT_TITLES, FaultCode
from webapp.rules.fields import REPORT_COLUMNS, STANDARD_FIELDS
from webapp.services.demo import DEMO_PASSWORD, DEMO_USERS
from webapp.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
MOST_IMAGE_BYTES = 200_000


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_setting_is_described_and_no_other() -> None:
    source = (ROOT / "webapp" / "settings.py").read_text(encoding="utf-8")
    known = set(re.findall(r'"(DATASYNC_[A-Z_]+)"', source))
    described = set(re.findall(r"^\| `(DATASYNC_[A-Z_]+)`", read("settings.md"), re.MULTILINE))
    assert described == known


def test_the_numbers_that_settings_have_of_themselves_are_the_described_ones() -> None:
    needed = {"DATASYNC_DATABASE_URL": "postgresql:///x", "DATASYNC_REDIS_URL": "redis://x"}
    settings = Settings.from_env(needed)
    found = dict(re.findall(r"^\| `DATASYNC_([A-Z_]+)` \| `(\d+)`", read("settings.md"), re.M))
    assert "MAX_UPLOAD_BYTES" in found
    for name, number in found.items():
        assert getattr(settings, name.lower()) == int(number), name


def test_every_fault_has_its_meaning_and_remedy() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \|$",
        read("import-rules.md"),
        re.MULTILINE,
    )
    titles = {code: title for title, code, _, _ in rows}
    assert titles == {str(code): FAULT_TITLES[code] for code in FaultCode}
    assert all(meaning.strip() and remedy.strip() for _, _, meaning, remedy in rows)


def test_every_column_is_named() -> None:
    text = read("import-rules.md")
    named = set(re.findall(r"`([A-Z0-9_]+)`", text))
    wanted = {
        field.column.replace("ALT1_", "HOME_").replace("ALT2_", "HOME_")
        for field in STANDARD_FIELDS
    }
    assert wanted | set(REPORT_COLUMNS) <= named


def test_every_state_of_a_run_is_explained() -> None:
    check = next(
        str(constraint.sqltext)
        for constraint in Run.__table__.constraints
        if str(constraint.name).endswith("state")
    )
    states = set(re.findall(r"'([a-z]+)'", check))
    section = read("operating.md").partition("## What a run goes through")[2].partition("\n## ")[0]
    explained = set(re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE))
    assert explained == states


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


@pytest.mark.parametrize(("name", "parser"), list(commands()), ids=lambda value: str(value)[:12])
def test_every_command_and_option_is_described(name: str, parser: argparse.ArgumentParser) -> None:
    sections = dict(re.findall(r"^## ([\w-]+)\n(.*?)(?=^## |\Z)", read("cli.md"), re.M | re.S))
    assert name in sections
    options = {
        option
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and option not in {"--help", "--data"}
    }
    described = set(re.findall(r"--[a-z-]+", sections[name]))
    assert options == described - {"--data"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_pictures_are_small_and_used() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    images = sorted((DOCS / "images").glob("*.png"))
    assert images
    for image in images:
        assert image.stat().st_size < MOST_IMAGE_BYTES
        assert f"docs/images/{image.name}" in text


def test_the_readme_knows_who_can_sign_in_to_the_demo() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert DEMO_PASSWORD in text
    for user in DEMO_USERS:
        assert user.email in text


def test_the_map_of_the_code_names_what_is_there() -> None:
    text = read("architecture.md")
    for path in re.findall(r"`((?:webapp|jobs|tests|bench|docs)/[\w/.-]*)`", text):
        assert (ROOT / path).exists(), f"architecture.md names {path}"
