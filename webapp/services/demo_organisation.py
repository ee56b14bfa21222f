"""What the demo organisation is made of besides its people: users, centers, groups, interests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from webapp.rules.roles import Grant, Role
from webapp.services.demo_people import NORTH, SOUTH

DEMO_PASSWORD = "riverbend-demo"  # noqa: S105  # for trying things; `serve` prints it


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Someone who can sign in to the demo; `what` says what they may do."""

    email: str
    password: str
    what: str
    name: str
    grants: tuple[Grant, ...] = ()
    is_site_admin: bool = False
    is_vendor_support: bool = False


def _demo_user(
    mailbox: str, name: str, what: str, *roles: Role, center: int | None = None
) -> DemoUser:
    grants = tuple(Grant(role, center) for role in roles)
    return DemoUser(f"{mailbox}@example.org", DEMO_PASSWORD, what, name, grants)


_VIEW = Role.VIEW_IMPORT_EXPORT
DEMO_USERS: tuple[DemoUser, ...] = (
    DemoUser(
        "admin@example.org", DEMO_PASSWORD, "Site administrator", "Alex Rivera", is_site_admin=True
    ),
    _demo_user("manage", "Morgan Hale", "Data Sync: Manage", _VIEW, Role.DATA_SYNC_MANAGE),
    _demo_user(
        "schedule", "Sam Okafor", "Data Sync: Run and Schedule", _VIEW, Role.DATA_SYNC_SCHEDULE
    ),
    _demo_user("run", "Robin Lindström", "Data Sync: Run", _VIEW, Role.DATA_SYNC_RUN),
    _demo_user("view", "Vera Castañeda", "Data Sync: View", _VIEW, Role.DATA_SYNC_VIEW),
    _demo_user("crossref", "Chris Nguyễn", "Cross-References: Manage", _VIEW, Role.CROSSREF_MANAGE),
    _demo_user("crossref-view", "Priya Olson", "Cross-References: View", _VIEW, Role.CROSSREF_VIEW),
    _demo_user("visitor", "Jo Whitaker", "View Import/Export only", _VIEW),
    _demo_user(
        "north",
        "Noa Kamiński",
        "Data Sync: Manage, North Center only",
        _VIEW,
        Role.DATA_SYNC_MANAGE,
        center=NORTH,
    ),
    DemoUser(
        "vendor@example.org",
        DEMO_PASSWORD,
        "Vendor support",
        "Val Support",
        (Grant(_VIEW), Grant(Role.DATA_SYNC_RUN)),
        is_vendor_support=True,
    ),
)

CENTERS = ((NORTH, "North Center"), (SOUTH, "South Center"))


@dataclass(frozen=True, slots=True)
class DemoGroup:
    """A group with a number that the sample files can name."""

    id: int
    name: str
    folder: str = ""
    description: str = ""
    kind: str = "standard"
    center_id: int | None = None


@dataclass(frozen=True, slots=True)
class DemoInterest:
    """An interest. Its opt-in group has the number `group`, its opt-out group the next one."""

    id: int
    name: str
    share: float  # of the people with an email, who chose
    group: int | None = None
    kind: str = "email"
    parent_id: int | None = None
    center_id: int | None = None


GROUPS: tuple[DemoGroup, ...] = (
    DemoGroup(1001, "Major Donors", "Giving", "Gave $1,000 or more in a year."),
    DemoGroup(1002, "Monthly Donors", "Giving", "A gift every month."),
    DemoGroup(1003, "Lapsed Donors", "Giving", "No gift for two years."),
    DemoGroup(1004, "Trail Crew", "Volunteers", "Builds and mends trails."),
    DemoGroup(1005, "Event Volunteers", "Volunteers", "Helps at the gala and the cleanups."),
    DemoGroup(1006, "Spring Gala 2025", "Events", "Guests of the Spring Gala."),
    DemoGroup(1007, "River Cleanup 2025", "Events", "Signed up for the River Cleanup."),
    DemoGroup(1008, "Board of Directors", "Leadership"),
    DemoGroup(1009, "Printed Newsletter", "Mailings", "Gets the newsletter on paper."),
    DemoGroup(1010, "North Center Members", "Centers", "", "center_members", NORTH),
    DemoGroup(1011, "South Center Members", "Centers", "", "center_members", SOUTH),
    DemoGroup(1012, "North Center Hikers", "Centers", "", "standard", NORTH),
    DemoGroup(1013, "South Center Tree Planters", "Centers", "", "standard", SOUTH),
)
INTERESTS: tuple[DemoInterest, ...] = (
    DemoInterest(101, "Monthly Newsletter", 0.62, 1021),
    DemoInterest(102, "Action Alerts", 0.31, 1023),
    DemoInterest(103, "Events", 0.36, 1025),
    DemoInterest(104, "Guided Walks", 0.18, 1027, parent_id=103),
    DemoInterest(105, "Volunteer Calls", 0.14, 1029),
    DemoInterest(106, "Wildlife Gallery", 0.09, kind="web"),
    DemoInterest(107, "North Center News", 0.55, 1031, center_id=NORTH),
)

DONOR_SYSTEM_COLUMNS = (
    "MEMBER_ID",
    "PRIMARY_EMAIL",
    "FIRST_NAME",
    "LAST_NAME",
    "HOME_STREET1",
    "HOME_STREET2",
    "HOME_CITY",
    "HOME_STATEPROV",
    "HOME_ZIP",
    "HOME_PHONE",
    "DONOR_STATUS",
    "ACCEPTS_EMAIL",
)
SIGN_UP_COLUMNS = (
    "PRIMARY_EMAIL",
    "FIRST_NAME",
    "LAST_NAME",
    "MOBILE_PHONE",
    "BIRTH_DATE",
    "GROUP_IDS",
    "INTEREST_IDS",
)

CROSS_REFERENCES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "group": (
        ("1001", "MAJ", "Donor system: constituency code"),
        ("1002", "MONTHLY", "Donor system: constituency code"),
        ("1003", "LAPSED", "Donor system: constituency code"),
        ("1004", "TRAIL", "Donor system: constituency code"),
        ("1004", "TRAIL-OLD", "The same before 2024"),
        ("1008", "BRD", "Donor system: constituency code"),
    ),
    "field:TITLE": (
        ("Mr.", "01", "Donor system: title code"),
        ("Ms.", "02", "Donor system: title code"),
        ("Dr.", "03", "Donor system: title code"),
    ),
}
"""Online value, foreign value and description, by the key of the type."""
