"""DOMAIN "Who may do what", as tables: roles, what they include, and where they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.rules.roles import (
    CROSSREF_LADDER,
    DATA_SYNC_LADDER,
    ROLE_HINTS,
    ROLE_LABELS,
    Grant,
    Permission,
    Role,
    Standing,
    allows,
    completed,
    highest,
    permitted_centers,
)

EVERYWHERE = None
NORTH, SOUTH = 1, 2
VIEW_AREA = Role.VIEW_IMPORT_EXPORT

grants = st.frozensets(
    st.builds(Grant, st.sampled_from(Role), st.sampled_from([EVERYWHERE, NORTH, SOUTH])),
    max_size=8,
)
permissions = st.sampled_from(Permission)
places = st.sampled_from([EVERYWHERE, NORTH, SOUTH, 3])


@pytest.mark.parametrize(
    ("role", "included"),
    [
        (Role.VIEW_IMPORT_EXPORT, {"view_import_export"}),
        (Role.DATA_SYNC_VIEW, {"data_sync_view"}),
        (Role.DATA_SYNC_RUN, {"data_sync_view", "data_sync_run"}),
        (Role.DATA_SYNC_SCHEDULE, {"data_sync_view", "data_sync_run", "data_sync_schedule"}),
        (
            Role.DATA_SYNC_MANAGE,
            {"data_sync_view", "data_sync_run", "data_sync_schedule", "data_sync_manage"},
        ),
        (Role.CROSSREF_VIEW, {"crossref_view"}),
        (Role.CROSSREF_MANAGE, {"crossref_view", "crossref_manage"}),
    ],
)
def test_a_role_includes_the_lower_ones_and_nothing_else(role: Role, included: set[str]) -> None:
    held = {Grant(VIEW_AREA), Grant(role)}
    allowed = {permission.value for permission in Permission if allows(held, permission, None)}
    assert allowed == included | {"view_import_export"}


@pytest.mark.parametrize("role", [*DATA_SYNC_LADDER, *CROSSREF_LADDER])
def test_no_role_counts_without_view_import_export(role: Role) -> None:
    assert permitted_centers({Grant(role)}, Permission(role.value)) == frozenset()


@pytest.mark.parametrize(
    ("area", "role", "centers"),
    [
        (EVERYWHERE, EVERYWHERE, None),
        (EVERYWHERE, NORTH, {NORTH}),
        (NORTH, EVERYWHERE, {NORTH}),
        (NORTH, NORTH, {NORTH}),
        (NORTH, SOUTH, set()),
    ],
)
def test_a_role_holds_where_view_import_export_holds_too(
    area: int | None, role: int | None, centers: set[int] | None
) -> None:
    held = {Grant(VIEW_AREA, area), Grant(Role.DATA_SYNC_RUN, role)}
    assert permitted_centers(held, Permission.DATA_SYNC_RUN) == centers


def test_a_center_role_says_nothing_about_the_site() -> None:
    held = completed({Grant(Role.DATA_SYNC_MANAGE, NORTH)})
    assert allows(held, Permission.DATA_SYNC_VIEW, NORTH)
    assert not allows(held, Permission.DATA_SYNC_VIEW, SOUTH)
    assert not allows(held, Permission.DATA_SYNC_VIEW, EVERYWHERE)


def test_the_administrator_does_everything_but_the_vendors_uploads() -> None:
    admin = Standing(is_site_admin=True)
    denied = {permission for permission in Permission if not admin.allows(permission, SOUTH)}
    assert denied == {Permission.BULK_UPLOADS}


def test_vendor_support_alone_runs_the_bulk_uploads_and_nothing_else() -> None:
    vendor = Standing(is_vendor_support=True)
    allowed = {permission for permission in Permission if vendor.allows_somewhere(permission)}
    assert allowed == {Permission.BULK_UPLOADS}


@given(grants)
def test_no_roles_make_an_administrator(held: frozenset[Grant]) -> None:
    assert not Standing(held).allows_somewhere(Permission.ADMINISTER)
    assert not Standing(held).allows_somewhere(Permission.BULK_UPLOADS)


@given(grants, grants, permissions, places)
def test_more_roles_never_take_anything_away(
    held: frozenset[Grant], more: frozenset[Grant], permission: Permission, place: int | None
) -> None:
    if allows(held, permission, place):
        assert allows(held | more, permission, place)


@given(grants, permissions, places)
def test_the_scope_and_the_question_agree(
    held: frozenset[Grant], permission: Permission, place: int | None
) -> None:
    standing = Standing(held)
    scope = standing.centers(permission)
    assert standing.allows(permission, place) == (scope is None or place in scope)
    assert standing.allows_somewhere(permission) == (scope is None or bool(scope))


@given(grants)
def test_completed_roles_all_count(held: frozenset[Grant]) -> None:
    whole = completed(held)
    assert all(allows(whole, Permission(grant.role.value), grant.center_id) for grant in held)
    assert completed(whole) == whole


@pytest.mark.parametrize(
    ("roles", "shown"),
    [
        ([VIEW_AREA], [VIEW_AREA]),
        ([VIEW_AREA, Role.DATA_SYNC_RUN], [Role.DATA_SYNC_RUN]),
        ([Role.DATA_SYNC_VIEW, Role.DATA_SYNC_MANAGE], [Role.DATA_SYNC_MANAGE]),
        (list(Role), [Role.DATA_SYNC_MANAGE, Role.CROSSREF_MANAGE]),
        ([], []),
    ],
)
def test_the_highest_roles_stand_for_the_rest(roles: list[Role], shown: list[Role]) -> None:
    assert highest(roles) == shown


def test_every_role_has_words() -> None:
    assert set(ROLE_LABELS) == set(ROLE_HINTS) == set(Role)
