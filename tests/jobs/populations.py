"""Small sites and files for hypothesis: few values, so that keys collide all the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.jobs.reference import Settings
from tests.jobs.site import Site

MEMBER_IDS = ("m1", "m2", "m3")
EMAILS = ("a@x.org", "b@x.org", "c@x.org")
CENTER, OTHER_CENTER = 1, 2
GROUPS = {1: None, 2: None, 3: CENTER, 4: OTHER_CENTER}
IN_GROUP, OUT_GROUP = 11, 12
INTERESTS = {1: (IN_GROUP, OUT_GROUP), 2: None}
CUSTOM_FIELDS = {"color": "text", "vip": "yes_no"}


@dataclass(frozen=True)
class Somebody:
    """A constituent of the site before the run."""

    id: int
    values: Mapping[str, Any]
    custom: Mapping[str, str] = field(default_factory=dict)
    is_removed: bool = False
    groups: tuple[int, ...] = ()
    choices: Mapping[int, bool] = field(default_factory=dict)
    centers: tuple[int, ...] = ()


@dataclass(frozen=True)
class File:
    """A file: its columns in order and its rows."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]

    @property
    def numbered(self) -> dict[int, Mapping[str, str]]:
        """The rows by the number a spreadsheet shows; blank ones are none."""
        return {at: row for at, row in enumerate(self.rows, 2) if any(row.values())}


@st.composite
def people(draw: st.DrawFn, most: int = 5) -> tuple[Somebody, ...]:
    """Some constituents; a member ID belongs to one active record at most."""
    found: list[Somebody] = []
    taken: set[str] = set()
    for number in range(1, draw(st.integers(0, most)) + 1):
        is_removed = draw(_rarely)
        values = {
            name: value
            for name, values in _STORED.items()
            if (value := draw(st.sampled_from(values))) is not None
        }
        member = values.get("member_id")
        if member and not is_removed:
            if member in taken:
                del values["member_id"]
            taken.add(member)
        found.append(
            Somebody(
                number,
                values,
                draw(st.sampled_from(({}, {"color": "red"}, {"color": "blue", "vip": "Yes"}))),
                is_removed,
                tuple(draw(st.sets(st.sampled_from((1, 2)), max_size=2))),
                draw(st.dictionaries(st.sampled_from((1, 2)), st.booleans(), max_size=2)),
                tuple(draw(st.sets(st.sampled_from((CENTER, OTHER_CENTER)), max_size=2))),
            )
        )
    return tuple(found)


_rarely = st.integers(0, 4).map(lambda number: number == 0)
_STORED: dict[str, tuple[Any, ...]] = {
    "member_id": (None, None, *MEMBER_IDS),
    "primary_email": (None, *EMAILS, "A@X.org"),
    "first_name": (None, "Ann", "José"),
    "home_street1": (None, "1 Elm St"),
    "home_street2": (None, "Apt 4"),
    "home_city": (None, "Rome"),
    "home_zip": (None, "02134"),
    "accepts_email": (True, True, True, False),
    "accepts_postal_mail": (True, False),
    "matched_donor": (None, True),
    "source": (None, "Web"),
}

_CELLS: dict[str, tuple[str, ...]] = {
    "CONS_ID": ("", "", "", "1", "2", "3", "4", "999"),
    "MEMBER_ID": ("", "", *MEMBER_IDS, " m1 "),
    "PRIMARY_EMAIL": ("", *EMAILS, "A@X.org", "d@x.org"),
    "FIRST_NAME": ("", "Ann", "Bob", "Jose\u0301"),
    "HOME_STREET1": ("", "1 Elm St", "1 ELM ST", "2 Oak Ave"),
    "HOME_STREET2": ("", "Apt 4", "Apt 5"),
    "HOME_CITY": ("", "Rome", "Oslo"),
    "HOME_ZIP": ("", "02134", "10001"),
    "ACCEPTS_EMAIL": ("", "Yes", "n", "0", "TRUE"),
    "ACCEPTS_POSTAL_MAIL": ("", "y", "False"),
    "MATCHED_DONOR": ("", "1", "F"),
    "SOURCE": ("", "Fair"),
    "CUSTOM_COLOR": ("", "red", "blue"),
    "CUSTOM_VIP": ("", "Y", "no"),
    "GROUP_IDS": ("", "1", "1, 2", "2,2", "3"),
    "INTEREST_IDS": ("", "1", "2", "1,2"),
}
_WRONG: dict[str, tuple[str, ...]] = {
    "CONS_ID": ("x1",),
    "PRIMARY_EMAIL": ("nobody", "a@x"),
    "ACCEPTS_EMAIL": ("maybe",),
    "CUSTOM_VIP": ("2",),
    "GROUP_IDS": ("99", "1,77", str(IN_GROUP), "4"),
    "INTEREST_IDS": ("9",),
}
KEYS = ("CONS_ID", "MEMBER_ID", "PRIMARY_EMAIL")


@st.composite
def files(draw: st.DrawFn, *, most: int = 10, with_wrong_cells: bool = True) -> File:
    """A file with at least one key column; now and then a cell is wrong."""
    keys = draw(st.sets(st.sampled_from(KEYS), min_size=1))
    if draw(st.booleans()):
        keys = set(KEYS)
    others = draw(st.sets(st.sampled_from([name for name in _CELLS if name not in KEYS])))
    columns = tuple(draw(st.permutations(sorted(keys | others))))
    rows: list[dict[str, str]] = []
    for _ in range(draw(st.integers(1, most))):
        row = {name: draw(st.sampled_from(_CELLS[name])) for name in columns}
        wrong = [name for name in columns if name in _WRONG]
        if with_wrong_cells and wrong and draw(_rarely):
            name = draw(st.sampled_from(wrong))
            row[name] = draw(st.sampled_from(_WRONG[name]))
        rows.append(row)
    if not any(any(row.values()) for row in rows):
        rows[0][sorted(keys)[-1]] = "m1" if keys == {"MEMBER_ID"} else "1"
    return File(columns, tuple(rows))


@st.composite
def members(draw: st.DrawFn) -> tuple[Somebody, ...]:
    """Active constituents, each with keys of its own, as most sites have them."""
    emails = draw(st.permutations(("a", "b", "c", "d")))
    return tuple(
        Somebody(
            number,
            {
                name: value
                for name, value in (
                    ("member_id", f"m{number}" if draw(_mostly) else None),
                    ("primary_email", f"{email}@x.org" if draw(_mostly) else None),
                    ("accepts_email", draw(_mostly)),
                )
                if value is not None
            },
        )
        for number, email in enumerate(emails[: draw(st.integers(1, 4))], 1)
    )


_mostly = st.integers(0, 5).map(bool)


@st.composite
def key_files(draw: st.DrawFn) -> File:
    """Rows that take keys from each other; each leaves a name that tells it came last."""
    cells = {
        "CONS_ID": ("1", "2", "3", "9"),
        "MEMBER_ID": ("m1", "m2", "m3", "m8", "m9"),
        "PRIMARY_EMAIL": ("a@x.org", "b@x.org", "c@x.org", "y@x.org", "z@x.org"),
    }
    rows: list[dict[str, str]] = []
    for number in range(draw(st.integers(2, 9))):
        present = draw(st.sets(st.sampled_from(KEYS), min_size=1, max_size=2))
        row = {name: draw(st.sampled_from(cells[name])) if name in present else "" for name in KEYS}
        rows.append(row | {"FIRST_NAME": f"by row {number + 2}"})
    return File((*KEYS, "FIRST_NAME"), tuple(rows))


def settle(site: Site, somebodies: tuple[Somebody, ...]) -> None:
    """An empty site with these people, the groups, interests, centers and custom fields."""
    site.reset()
    for center, name in ((CENTER, "North"), (OTHER_CENTER, "South")):
        site.insert("centers", id=center, name=name)
    for group, center in GROUPS.items():
        site.insert("groups", id=group, name=f"Group {group}", center_id=center)
    site.insert("groups", id=IN_GROUP, name="News: in", kind="opt_in")
    site.insert("groups", id=OUT_GROUP, name="News: out", kind="opt_out")
    for interest, opt in INTERESTS.items():
        into, out_of = opt or (None, None)
        site.insert(
            "interests",
            id=interest,
            name=f"Interest {interest}",
            opt_in_group_id=into,
            opt_out_group_id=out_of,
        )
    for key, kind in CUSTOM_FIELDS.items():
        site.insert("custom_fields", key=key, label=key.title(), kind=kind)
    for somebody in somebodies:
        _settle(site, somebody)


def _settle(site: Site, somebody: Somebody) -> None:
    site.person(
        id=somebody.id,
        custom=dict(somebody.custom),
        removed=somebody.is_removed,
        **somebody.values,
    )
    for group in somebody.groups:
        site.insert("group_members", group_id=group, constituent_id=somebody.id)
    for interest, choice in somebody.choices.items():
        site.insert(
            "interest_choices", interest_id=interest, constituent_id=somebody.id, opted_in=choice
        )
        opt = INTERESTS[interest]
        if opt:
            group = opt[0] if choice else opt[1]
            site.insert("group_members", group_id=group, constituent_id=somebody.id)
    for center in somebody.centers:
        site.insert("center_members", center_id=center, constituent_id=somebody.id)


def reference_settings(
    *, unique_email: bool = True, opt_in_again: bool = False, center: int | None = None
) -> Settings:
    """What the reference has to know of the site."""
    groups: dict[str, str | None] = {
        str(group): "other_center_group" if center and of_center not in (None, center) else None
        for group, of_center in GROUPS.items()
    }
    groups |= {str(IN_GROUP): "opt_group", str(OUT_GROUP): "opt_group"}
    return Settings(
        unique_email=unique_email,
        opt_in_again=opt_in_again,
        center=center,
        groups=groups,
        interests={str(interest): None for interest in INTERESTS},
        opt_groups={interest: opt for interest, opt in INTERESTS.items() if opt},
    )
