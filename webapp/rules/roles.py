"""Roles, what each of them permits, and where: site-wide or for one center.

The rules are DOMAIN's "Who may do what". A role counts only where its holder also has *View
Import/Export*: a site-wide Data Synchronization role beside a View Import/Export role for one
center is good for that center and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a user can be given, as it is stored in `user_role.role`."""

    VIEW_IMPORT_EXPORT = "view_import_export"
    DATA_SYNC_VIEW = "data_sync_view"
    DATA_SYNC_RUN = "data_sync_run"
    DATA_SYNC_SCHEDULE = "data_sync_schedule"
    DATA_SYNC_MANAGE = "data_sync_manage"
    CROSSREF_VIEW = "crossref_view"
    CROSSREF_MANAGE = "crossref_manage"

    @property
    def label(self) -> str:
        """The role in the words the pages use."""
        return ROLE_LABELS[self]


class Permission(StrEnum):
    """What a page, a button or a command asks for."""

    VIEW_IMPORT_EXPORT = "view_import_export"
    DATA_SYNC_VIEW = "data_sync_view"
    DATA_SYNC_RUN = "data_sync_run"
    DATA_SYNC_SCHEDULE = "data_sync_schedule"
    DATA_SYNC_MANAGE = "data_sync_manage"
    CROSSREF_VIEW = "crossref_view"
    CROSSREF_MANAGE = "crossref_manage"
    ADMINISTER = "administer"
    BULK_UPLOADS = "bulk_uploads"


ROLE_LABELS: dict[Role, str] = {
    Role.VIEW_IMPORT_EXPORT: "View Import/Export operations",
    Role.DATA_SYNC_VIEW: "Data Synchronization: View",
    Role.DATA_SYNC_RUN: "Data Synchronization: Run",
    Role.DATA_SYNC_SCHEDULE: "Data Synchronization: Run and Schedule",
    Role.DATA_SYNC_MANAGE: "Data Synchronization: Manage",
    Role.CROSSREF_VIEW: "Cross-Reference Management: View",
    Role.CROSSREF_MANAGE: "Cross-Reference Management: Manage",
}

ROLE_HINTS: dict[Role, str] = {
    Role.VIEW_IMPORT_EXPORT: "Opens the Import/Export area. Every other role needs it.",
    Role.DATA_SYNC_VIEW: "Sees operations, results and constituents.",
    Role.DATA_SYNC_RUN: "Runs and undoes operations, edits constituents.",
    Role.DATA_SYNC_SCHEDULE: "Runs operations and sets their schedules.",
    Role.DATA_SYNC_MANAGE: "Creates, edits, customises and deletes operations.",
    Role.CROSSREF_VIEW: "Reads cross-references.",
    Role.CROSSREF_MANAGE: "Creates, edits and deletes cross-references.",
}

DATA_SYNC_LADDER = (
    Role.DATA_SYNC_VIEW,
    Role.DATA_SYNC_RUN,
    Role.DATA_SYNC_SCHEDULE,
    Role.DATA_SYNC_MANAGE,
)
CROSSREF_LADDER = (Role.CROSSREF_VIEW, Role.CROSSREF_MANAGE)

IMPLIES: dict[Role, frozenset[Permission]] = {
    Role.VIEW_IMPORT_EXPORT: frozenset({Permission.VIEW_IMPORT_EXPORT}),
    **{
        role: frozenset(Permission(lower.value) for lower in ladder[: step + 1])
        for ladder in (DATA_SYNC_LADDER, CROSSREF_LADDER)
        for step, role in enumerate(ladder)
    },
}
"""Each role with all it permits: View ⊂ Run ⊂ Run and Schedule ⊂ Manage."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One role as one user holds it; `center_id` None means site-wide."""

    role: Role
    center_id: int | None = None


def completed(grants: Iterable[Grant]) -> frozenset[Grant]:
    """The same roles with View Import/Export beside each that would count for nothing without."""
    given = frozenset(grants)
    return given | {Grant(Role.VIEW_IMPORT_EXPORT, grant.center_id) for grant in given}


def highest(roles: Iterable[Role]) -> list[Role]:
    """The roles that say it all: of each ladder the highest; View Import/Export only alone."""
    held = set(roles)
    tops = [
        next(role for role in reversed(ladder) if role in held)
        for ladder in (DATA_SYNC_LADDER, CROSSREF_LADDER)
        if held & set(ladder)
    ]
    return tops or sorted(held)


def allows(grants: Iterable[Grant], permission: Permission, center_id: int | None) -> bool:
    """Whether these roles permit it for that center's things, or (None) for those of the site.

    `ADMINISTER` and `BULK_UPLOADS` are never given by a role: see `Standing`.
    """
    scope = permitted_centers(grants, permission)
    return scope is None or center_id in scope


def permitted_centers(grants: Iterable[Grant], permission: Permission) -> frozenset[int] | None:
    """The centers for which these roles permit it; None means everywhere."""
    grants = list(grants)
    areas = _held_in(grants, Permission.VIEW_IMPORT_EXPORT)
    asked = _held_in(grants, permission)
    if areas is None:
        return asked
    return areas if asked is None else areas & asked


def _held_in(grants: list[Grant], permission: Permission) -> frozenset[int] | None:
    held = [grant for grant in grants if permission in IMPLIES[grant.role]]
    centers = frozenset(grant.center_id for grant in held if grant.center_id is not None)
    return centers if len(centers) == len({grant.center_id for grant in held}) else None


@dataclass(frozen=True, slots=True)
class Standing:
    """All that decides what one person may do. A deactivated user has an empty one."""

    grants: frozenset[Grant] = field(default_factory=frozenset)
    is_site_admin: bool = False
    is_vendor_support: bool = False

    def centers(self, permission: Permission) -> frozenset[int] | None:
        """The centers in which this person may do it; None means everywhere, empty nowhere."""
        if permission is Permission.BULK_UPLOADS:
            return None if self.is_vendor_support else frozenset()
        if self.is_site_admin:
            return None
        return permitted_centers(self.grants, permission)

    def allows(self, permission: Permission, center_id: int | None) -> bool:
        """Whether it may be done to a thing of that center (None: of the site)."""
        scope = self.centers(permission)
        return scope is None or center_id in scope

    def allows_somewhere(self, permission: Permission) -> bool:
        """Whether it may be done at all, site-wide or in some center."""
        return self.centers(permission) != frozenset()
