"""The entries of the top bar: what exists and what the present user may open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from flask import request, url_for

from webapp.access import VIEW, may_open, scope
from webapp.extensions import db
from webapp.services import registrations


@dataclass(frozen=True, slots=True)
class Page:
    """An entry: its words, where it leads, and the endpoints for which it is the current one;
    `count` tells how much waits there for this person."""

    label: str
    endpoint: str
    owns: tuple[str, ...] = ()
    count: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the site. `owns` are the blueprints whose other pages belong to it."""

    label: str
    pages: tuple[Page, ...]
    owns: tuple[str, ...]


def _count_registrations() -> str:
    """How many new registrations wait, blank for none; many are not counted to the last."""
    most = registrations.MOST_COUNTED
    found = registrations.count_waiting(db.session(), scope(VIEW), most=most)
    if not found:
        return ""
    return f"{found:,}+" if found == most else f"{found:,}"


AREAS = (
    Area(
        "Import/Export",
        (
            Page("My Data Sync Operations", "operations.mine"),
            Page("All Data Sync Operations", "operations.all"),
            Page("Operation Results", "runs.list_runs", owns=("runs", "undo")),
            Page("Held Back", "held_back.list_streams", owns=("held_back",)),
            Page(
                "Resolve New Registrations",
                "registrations.list_registrations",
                owns=("registrations",),
                count=_count_registrations,
            ),
            Page(
                "Cross Reference Types",
                "crossrefs.list_types",
                owns=("crossrefs", "crossref_unmapped", "crossref_coverage", "crossref_history"),
            ),
        ),
        owns=(
            "crossrefs",
            "crossref_unmapped",
            "crossref_coverage",
            "crossref_history",
            "operations",
            "runs",
            "uploads",
            "wizard",
            "found",
            "previews",
            "samples",
            "rows",
            "undo",
            "downloads",
            "held_back",
            "registrations",
            "conflicts",
        ),
    ),
    Area(
        "Constituents",
        (Page("Constituents", "constituents.list_constituents", owns=("constituents",)),),
        owns=("constituents",),
    ),
    Area(
        "Transactions",
        (Page("Transactions", "transactions.list_transactions", owns=("transactions",)),),
        owns=("transactions",),
    ),
    Area(
        "Groups",
        (
            Page(
                "Groups",
                "groups.list_groups",
                owns=(
                    "groups.results",
                    "groups.show_group",
                    "groups.members",
                    "group_edits.new_group",
                    "group_edits.edit_group",
                    "memberships.add_member",
                ),
            ),
            Page(
                "Interests",
                "groups.list_interests",
                owns=(
                    "groups.show_interest",
                    "group_edits.new_interest",
                    "group_edits.edit_interest",
                    "memberships.choose",
                ),
            ),
        ),
        owns=("groups", "group_edits", "memberships"),
    ),
    Area(
        "Administration",
        (
            Page("Users", "users.list_users", owns=("users",)),
            Page("Centers", "centers.list_centers", owns=("centers",)),
            Page("Custom fields", "custom_fields.list_fields", owns=("custom_fields",)),
            Page("Messages", "messages.list_messages", owns=("messages",)),
        ),
        owns=("users", "centers", "custom_fields", "messages"),
    ),
)


_OPERATIONS = ("operations.mine", "operations.all")


@dataclass(frozen=True, slots=True)
class Item:
    """One link; a page that shows it may ask how much waits there."""

    label: str
    url: str
    is_current: bool
    count: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One area, with the links this person may follow."""

    label: str
    items: tuple[Item, ...]
    is_current: bool

    @property
    def url(self) -> str:
        """The area opens on its first page."""
        return self.items[0].url


@dataclass(frozen=True, slots=True)
class Navigation:
    """What the top bar shows."""

    sections: tuple[Section, ...] = field(default=())

    @property
    def current(self) -> Section | None:
        """The area the present page belongs to."""
        return next((section for section in self.sections if section.is_current), None)

    @property
    def items(self) -> tuple[Item, ...]:
        """The pages of that area."""
        return self.current.items if self.current else ()

    @property
    def current_label(self) -> str:
        """Its name."""
        return self.current.label if self.current else ""


def build_navigation() -> Navigation:
    """For the present user and page."""
    here = request.endpoint or ""
    blueprint = here.partition(".")[0]
    # Who only keeps cross-references sees nothing else of the area (DOMAIN: Who may do what)
    sees_only_crossrefs = may_open("crossrefs.list_types") and not may_open("runs.list_runs")
    sections = []
    for area in AREAS:
        items = tuple(
            Item(
                page.label,
                url_for(page.endpoint),
                here == page.endpoint or here in page.owns or blueprint in page.owns,
                cache(page.count) if page.count and blueprint in area.owns else None,
            )
            for page in area.pages
            if may_open(page.endpoint)
            and not (sees_only_crossrefs and page.endpoint in _OPERATIONS)
        )
        if items:
            sections.append(Section(area.label, items, blueprint in area.owns))
    return Navigation(tuple(sections))
