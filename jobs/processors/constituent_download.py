"""The Constituent Data Download (DOMAIN): who changed, what stands in the file, who waits for what.

Its changes are those of the record itself, and those of memberships and choices where a column or
the filter depends on them. GROUP_IDS has the standard groups: those that runs and interests keep
for themselves mean nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from jobs.outward import Outward
from jobs.processors.download_sources import (
    UNRESOLVED,
    WHO,
    Codes,
    OutColumn,
    Source,
    Withholding,
    choose_columns,
    date_cell,
    in_center,
    mark_column,
    sent,
    wanted_parameters,
    wanted_people,
)
from jobs.processors.download_windows import Window
from webapp.rules.catalogues import CATALOGUES
from webapp.rules.download_columns import REMOVAL_COLUMNS
from webapp.rules.download_settings import DownloadSettings, TimeFormat
from webapp.rules.fields import Field, Kind
from webapp.services.crossref_online import key_of

UPLOAD_KINDS = tuple(kind for kind, found in CATALOGUES.items() if not found.is_download)

_MAY_BE_TOLD = "(g.center_id IS NULL OR g.center_id = %(center)s)"
"""SQL about a group or interest `g`: it is General, or of the center whose download it is."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a source depends on besides its settings."""

    run_id: int
    center_id: int | None
    time_zone: str
    fields: Sequence[Field]
    tables: Mapping[str, Outward]


def keys_used(settings: DownloadSettings, fields: Sequence[Field]) -> set[str]:
    """The cross-reference types that the chosen columns go through."""
    if not settings.translates:
        return set()
    chosen = {column.name for column in choose_columns(settings, fields)}
    keys = {key_of(field) for field in fields if field.column in chosen}
    return {key for key in keys if key is not None}


def make_source(settings: DownloadSettings, scene: Scene) -> Source:
    """The source of one run."""
    made = _Columns(settings, scene)
    headings = {column.name: column.shown for column in settings.columns}
    became, into_id, into_member_id = REMOVAL_COLUMNS
    return Source(
        noun="constituents",
        table="constituents c",
        record="c.id",
        present=f"c.is_active{_scope(scene)}",
        wanted=wanted_people(settings),
        columns=made.columns,
        gone=made.gone,
        lists=made.lists,
        changed=_changed(settings, scene),
        removals=_removals(scene),
        removal_columns=(
            OutColumn(headings.get("CONS_ID", "CONS_ID"), "r.record_id", is_text=False),
            OutColumn(headings.get("MEMBER_ID", "MEMBER_ID"), "r.member_id"),
            OutColumn(became, "r.became"),
            OutColumn(into_id, "r.into_id", is_text=False),
            OutColumn(into_member_id, "r.into_member_id"),
        ),
        withholdings=(UNRESOLVED, *made.withholdings),
        codes=made.codes,
        constituent_id="c.id",
        who=WHO,
        parameters={
            "center": scene.center_id,
            **wanted_parameters(settings),
            "uploads": list(UPLOAD_KINDS),
            "zone": scene.time_zone,
        },
    )


# Who changed -------------------------------------------------------------------------------


def _counted(settings: DownloadSettings, scene: Scene) -> str:
    """SQL: the entries of the log that are a change of what this download gives."""
    chosen = {column.name for column in choose_columns(settings, scene.fields)}
    parts = ["l.table_name = 'constituents'"]
    if "GROUP_IDS" in chosen or settings.groups:
        of_others = "" if scene.center_id is None else f" OR NOT {_MAY_BE_TOLD}"
        parts.append(
            "(l.table_name = 'group_members' AND l.key NOT IN (SELECT g.id::text FROM groups g"
            f" WHERE (g.kind <> 'standard'{of_others}) AND g.id <> ALL(%(groups)s)))"
        )
    if "INTEREST_IDS" in chosen or settings.interests:
        of_others = (
            ""
            if scene.center_id is None
            else " AND l.key NOT IN (SELECT g.id::text FROM interests g"
            f" WHERE NOT {_MAY_BE_TOLD} AND g.id <> ALL(%(interests)s))"
        )
        parts.append(f"(l.table_name = 'interest_choices'{of_others})")
    if settings.centers:
        parts.append("(l.table_name = 'center_members' AND l.key::bigint = ANY(%(centers)s))")
    if scene.center_id is not None:
        parts.append("(l.table_name = 'center_members' AND l.key = %(center)s::text)")
    return f"({' OR '.join(parts)})"


def _changed(settings: DownloadSettings, scene: Scene) -> Callable[[Window], str]:
    """Came and gone since the last download is no change. An echo is what came in from the offline
    system of the same place, and nobody changed besides."""

    def changed(window: Window) -> str:
        unseen, scope = window.unseen(), ""
        if scene.center_id is not None:
            scope = (
                f" AND ({in_center('l.constituent_id')} OR l.constituent_id IN ("
                f"SELECT l.constituent_id FROM change_log l WHERE {unseen}"
                " AND l.table_name = 'center_members' AND l.key = %(center)s::text))"
            )
        echo = "false" if settings.echoes else "bool_and(e.id IS NOT NULL)"
        return (
            f"SELECT l.constituent_id AS record_id, {echo} AS is_echo FROM change_log l"
            " LEFT JOIN (SELECT u.id FROM runs u JOIN operations o ON o.id = u.operation_id"
            "  WHERE u.kind = 'run' AND o.kind = ANY(%(uploads)s)"
            "  AND u.center_id IS NOT DISTINCT FROM %(center)s::bigint) e ON e.id = l.run_id"
            f" WHERE {unseen} AND l.constituent_id IS NOT NULL"
            f" AND {_counted(settings, scene)}{scope}"
            " GROUP BY l.constituent_id"
            " HAVING NOT (bool_or(l.table_name = 'constituents' AND l.op = 'insert'"
            f"   AND {window.undelivered()})"
            "  AND bool_or(l.table_name = 'constituents' AND l.op = 'delete')"
            "  AND NOT EXISTS (SELECT FROM constituents c WHERE c.id = l.constituent_id))"
        )

    return changed


_BECAME = "CASE WHEN c.merged_into_id IS NOT NULL THEN 'Merged' ELSE c.active_detail END"


def _removals(scene: Scene) -> Callable[[Window], str]:
    """Who is no longer there: removed, merged, deleted, or no longer in the center. Where another
    record has the member ID by now, that one is named: whoever knows people by member IDs would
    take the living one for gone."""

    def removals(window: Window) -> str:
        if window.is_everything:
            found = " UNION ALL ".join((_removed(scene), *_gone(scene, window)))
        else:
            found = _no_longer_there(scene)
        return (
            "SELECT r.record_id, r.member_id, r.became, coalesce(r.into_id, h.id) AS into_id,"
            " CASE WHEN r.into_id IS NULL THEN h.member_id ELSE r.into_member_id END"
            f" AS into_member_id FROM ({found}) r LEFT JOIN constituents h"
            " ON h.member_id = r.member_id AND h.is_active AND h.id <> r.record_id"
            f"{_scope(scene, 'h.id')}"
        )

    return removals


def _no_longer_there(scene: Scene) -> str:
    became = f"CASE WHEN c.id IS NULL THEN 'Deleted' WHEN NOT c.is_active THEN {_BECAME}"
    return (
        "SELECT k.record_id, coalesce(c.member_id, (SELECT l.old -> 'member_id'"
        "  FROM change_log l WHERE c.id IS NULL AND l.constituent_id = k.record_id"
        "  AND l.table_name = 'constituents' AND l.op = 'delete' ORDER BY l.id DESC LIMIT 1))"
        f" AS member_id, {became} ELSE 'Left the center' END AS became,"
        " i.id AS into_id, i.member_id AS into_member_id"
        " FROM download_candidates k LEFT JOIN constituents c ON c.id = k.record_id"
        " LEFT JOIN constituents i ON i.id = c.merged_into_id"
        f" WHERE (c.is_active{_scope(scene)}) IS NOT TRUE"
    )


def _scope(scene: Scene, constituent_id: str = "c.id") -> str:
    return f" AND {in_center(constituent_id)}" if scene.center_id is not None else ""


def _removed(scene: Scene) -> str:
    return (
        f"SELECT c.id AS record_id, c.member_id, {_BECAME} AS became, i.id AS into_id,"
        " i.member_id AS into_member_id FROM constituents c"
        " LEFT JOIN constituents i ON i.id = c.merged_into_id"
        f" WHERE NOT c.is_active{_scope(scene)}"
    )


def _gone(scene: Scene, window: Window) -> tuple[str, ...]:
    """Records that are not there since something was last delivered: deleted, or, for a center, not
    in it any more, by the member ID they had when they left."""
    if window.head is None:
        return ()
    if scene.center_id is not None:
        return (_LEFT,)
    return (
        "SELECT DISTINCT ON (l.constituent_id) l.constituent_id, l.old -> 'member_id', 'Deleted',"
        " NULL::bigint, NULL::text FROM change_log l"
        " WHERE l.table_name = 'constituents' AND l.op = 'delete'"
        " AND NOT EXISTS (SELECT FROM constituents c WHERE c.id = l.constituent_id)",
    )


_LEFT = f"""(
SELECT DISTINCT ON (l.constituent_id) l.constituent_id,
    CASE WHEN later.id IS NULL THEN c.member_id ELSE later.old -> 'member_id' END,
    CASE WHEN c.id IS NULL THEN 'Deleted' ELSE 'Left the center' END, NULL::bigint, NULL::text
FROM change_log l LEFT JOIN constituents c ON c.id = l.constituent_id
LEFT JOIN LATERAL (SELECT x.id, x.old FROM change_log x
    WHERE x.constituent_id = l.constituent_id AND x.table_name = 'constituents'
    AND (x.op = 'delete' OR x.id > l.id AND x.old ? 'member_id')
    ORDER BY x.id LIMIT 1) later ON true
WHERE l.table_name = 'center_members' AND l.op = 'delete' AND l.key = %(center)s::text
    AND NOT {in_center("l.constituent_id")}
ORDER BY l.constituent_id, l.id DESC)"""


# What stands in the file ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _List:
    """Of what a list in a cell is made: rows `m` of a table, with what they have to fulfil."""

    alias: str
    table: str
    number: str
    link: str


_LISTS: Mapping[Kind, _List] = {
    Kind.GROUP_LIST: _List(
        "groups_of",
        "group_members",
        "m.group_id",
        "JOIN groups g ON g.id = m.group_id AND g.kind = 'standard'",
    ),
    Kind.INTEREST_LIST: _List(
        "interests_of",
        "interest_choices",
        "m.interest_id",
        "JOIN interests g ON g.id = m.interest_id AND m.opted_in",
    ),
}
_OF_CANDIDATES = " WHERE m.constituent_id IN (SELECT record_id FROM download_candidates)"


class _Columns:
    """The columns of a file, the joins they need, and what they hold back."""

    def __init__(self, settings: DownloadSettings, scene: Scene) -> None:
        self._settings = settings
        self._tables = scene.tables
        self._only_told = "" if scene.center_id is None else f" AND {_MAY_BE_TOLD}"
        self._codes: dict[str, Codes] = {}
        self._lists: list[tuple[_List, str]] = []
        self.withholdings: list[Withholding] = []
        by_name = {field.column: field for field in scene.fields}
        chosen = settings.columns or choose_columns(settings, scene.fields)
        made = [
            self._make(by_name[column.name], column.shown)
            if column.name in by_name
            else OutColumn(column.shown, "NULL::text", is_text=False)
            for column in chosen
        ]
        self.gone = tuple(column.name for column in chosen if column.name not in by_name)
        if settings.marks:
            made.append(mark_column(scene.run_id))
        self.columns = tuple(made)

    def _make(self, field: Field, heading: str) -> OutColumn:
        if field.kind is Kind.CONS_ID:
            return OutColumn(heading, "c.id", is_text=False)
        if field.kind in (Kind.GROUP_LIST, Kind.INTEREST_LIST):
            return self._list(field, heading)
        if field.kind is Kind.TIME:
            return OutColumn(heading, self._time(field), is_text=False)
        if field.kind is Kind.DATE:
            return OutColumn(heading, self._date(field), is_text=False)
        if field.kind is Kind.YES_NO:
            return OutColumn(heading, _yes_no(field), is_text=False)
        if field.kind is Kind.NUMBER:
            return OutColumn(heading, _stored(field), is_text=False)
        if field.column == "ACTIVE_STATUS":
            sql = "CASE WHEN c.is_active THEN 'Active' ELSE 'Inactive' END"
            return OutColumn(heading, sql, is_text=False)
        return self._translated(field, heading)

    def _codes_of(self, field: Field, value: str, joins: str = "") -> Codes | None:
        """The codes of a column's cross-reference type, this column's among them; None where it
        has none."""
        key = key_of(field) if self._settings.translates else None
        table = self._tables.get(key) if key is not None else None
        if table is None or key is None:
            return None
        known = self._codes.get(key)
        values = (*known.values, value) if known else (value,)
        self._codes[key] = Codes(table, values, joins, are_cells=not joins)
        return self._codes[key]

    @property
    def codes(self) -> tuple[Codes, ...]:
        """What has to be looked up beforehand."""
        return tuple(self._codes.values())

    def _translated(self, field: Field, heading: str) -> OutColumn:
        value = _stored(field)
        codes = self._codes_of(field, value)
        if codes is None:
            return OutColumn(heading, value)
        self.withholdings.append(codes.withhold(field.column, value))
        return OutColumn(heading, sent(value, codes), is_text=False)

    def _list(self, field: Field, heading: str) -> OutColumn:
        """The numbers of a person's groups or interests, translated one by one. A center is told
        of the General ones and its own, as on a person's page."""
        made = _LISTS[field.kind]
        made = replace(made, link=made.link + self._only_told)
        value = text = f"{made.number}::text"
        mine = f"JOIN {made.table} m ON m.constituent_id = c.id {made.link}"
        codes = self._codes_of(field, value, mine)
        if codes is not None:
            text = sent(value, codes)
            self.withholdings.append(codes.withhold(field.column, value, joins=mine))
        self._lists.append((made, f"string_agg({text}, ',' ORDER BY {made.number}) AS codes"))
        sql = f"{made.alias}.codes"
        return OutColumn(heading, sql, is_text=codes is not None, is_list=True)

    def lists(self, window: Window) -> str:
        """The joins of the lists: everybody's at once, or of those alone who are looked at."""
        of_whom = "" if window.is_everything else _OF_CANDIDATES
        return " ".join(
            f"LEFT JOIN (SELECT m.constituent_id, {codes} FROM {made.table} m {made.link}{of_whom}"
            f" GROUP BY m.constituent_id) {made.alias} ON {made.alias}.constituent_id = p.record_id"
            for made, codes in self._lists
        )

    def _time(self, field: Field) -> str:
        if self._settings.time_format is TimeFormat.LOCAL:
            return f"(c.{field.attribute} AT TIME ZONE %(zone)s)::timestamp(0)"
        return f"c.{field.attribute}::timestamptz(0)"

    def _date(self, field: Field) -> str:
        value = f"({_stored(field)})::date" if field.is_custom else f"c.{field.attribute}"
        return date_cell(value, self._settings)


def _stored(field: Field) -> str:
    if field.is_custom:
        return f"(c.custom ->> '{field.attribute.removeprefix('custom.')}')"
    return f"c.{field.attribute}"


def _yes_no(field: Field) -> str:
    value = f"({_stored(field)})::boolean" if field.is_custom else _stored(field)
    return f"CASE WHEN {value} THEN 'Yes' WHEN NOT {value} THEN 'No' END"
