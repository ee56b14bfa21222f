"""The Transaction Information Download (DOMAIN): each transaction once, when nothing holds it back;
again, as an update, when it was moved or corrected. eCommerce orders never.

What only uploads wrote came from the offline system, which has it: it is not sent back. Once
somebody else moved or corrected such a gift it is sent, as an update.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
from jobs.processors.download_traits import block_of
from jobs.processors.download_windows import Window
from webapp.rules.catalogues import TRANSACTION_UPLOAD
from webapp.rules.download_settings import DownloadSettings
from webapp.rules.fields import TRANSACTION_DOWNLOAD_FIELDS
from webapp.rules.withholding import Reason

_UPLOADS = (
    "SELECT u.id FROM runs u JOIN operations o ON o.id = u.operation_id"
    f" WHERE u.kind IN ('run', 'undo') AND o.kind = '{TRANSACTION_UPLOAD}'"
    " AND u.center_id IS NOT DISTINCT FROM %(center)s::bigint"
)
_BY_UPLOAD = f"EXISTS ({_UPLOADS} AND u.id = l.run_id)"
_REFUND_OF_ORDER = (
    "SELECT t.id FROM transactions t JOIN transactions b ON b.id = t.refund_of"
    " WHERE b.transaction_type = 'ecommerce_order'"
)
_TRAITS = ("only_uploaded", "began_offline", "of_order")
_IN_CENTER = in_center("t.constituent_id")


# column -> SQL, whether it is text that has to be guarded against formulas, what it depends on
_PLAIN: Mapping[str, tuple[str, bool, str]] = {
    "TRANSACTION_ID": ("t.transaction_id", True, "transaction_id"),
    "TRANSACTION_TYPE": ("t.transaction_type", False, "transaction_type"),
    "CONS_ID": ("c.id", False, "constituent_id"),
    "MEMBER_ID": ("c.member_id", True, "constituent_id"),
    "FIRST_NAME": ("c.first_name", True, "constituent_id"),
    "LAST_NAME": ("c.last_name", True, "constituent_id"),
    "PRIMARY_EMAIL": ("c.primary_email", True, "constituent_id"),
    "AMOUNT": ("t.amount", False, "amount"),
    "CURRENCY": ("t.currency", False, "currency"),
    "TAX_DEDUCTIBLE": ("t.tax_deductible", False, "tax_deductible"),
    "TENDER_TYPE": ("t.tender_type", False, "tender_type"),
    "CREATION_METHOD": ("t.creation_method", False, "creation_method"),
    "CHECK_NUMBER": ("t.check_number", True, "check_number"),
    "CONFIRMATION_CODE": ("t.confirmation_code", True, "confirmation_code"),
    "SETTLEMENT_BATCH": ("t.settlement_batch", True, "settlement_batch"),
    "SUB_SOURCE": ("t.sub_source", True, "sub_source"),
    "RECURRING_OF": ("recurring.transaction_id", True, "recurring_of"),
    "REFUND_OF": ("refunded.transaction_id", True, "refund_of"),
    "TRIBUTE_TYPE": ("t.tribute_type", False, "tribute_type"),
    "TRIBUTE_NAME": ("t.tribute_name", True, "tribute_name"),
    "RECEIPT_NUMBER": ("t.receipt_number", True, "receipt_number"),
    "SENT_AS": (
        "CASE WHEN s.is_sent OR trait.began_offline THEN 'update' ELSE 'new' END",
        False,
        "",
    ),
}

_OTHERS = {
    "RECURRING_OF": ("recurring", "recurring_of"),
    "REFUND_OF": ("refunded", "refund_of"),
}
"""Columns that tell the key of another transaction: what it is joined as, and by."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """A column of what a transaction is for: the table that has it, and the types of
    cross-references, each with the kind of things it is about (blank: all) and what the held-back
    list calls the column."""

    name: str
    table: str
    types: tuple[tuple[str, str, str], ...]


PURPOSES: Mapping[str, Purpose] = {
    "CAMPAIGN": Purpose("campaign_id", "campaigns", (("campaign", "", "CAMPAIGN"),)),
    "FORM": Purpose("form_id", "donation_forms", (("donation_form", "", "FORM"),)),
    "DESIGNATION": Purpose("designation_id", "designations", (("designation", "", "DESIGNATION"),)),
    "EVENT": Purpose(
        "event_id",
        "events",
        (
            ("event", "calendar", "EVENT"),
            ("teamraiser", "teamraiser", "EVENT (TeamRaiser)"),
            ("personal_event", "personal", "EVENT (personal)"),
        ),
    ),
}
SOURCE_KEY = "origin_source"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a source depends on besides its settings."""

    run_id: int
    center_id: int | None
    tables: Mapping[str, Outward]


def keys_used(settings: DownloadSettings) -> set[str]:
    """The cross-reference types that the chosen columns go through."""
    if not settings.translates:
        return set()
    chosen = {column.name for column in choose_columns(settings, TRANSACTION_DOWNLOAD_FIELDS)}
    keys = {key for name in chosen & PURPOSES.keys() for key, _, _ in PURPOSES[name].types}
    return keys | ({SOURCE_KEY} if "SOURCE" in chosen else set())


def make_source(settings: DownloadSettings, scene: Scene) -> Source:
    """The source of one run."""
    made = _Columns(settings, scene)
    people = wanted_people(settings)
    wanted = ["t.transaction_type <> 'ecommerce_order' AND NOT trait.of_order"]
    if not settings.echoes:
        wanted.append("NOT trait.only_uploaded")
    if people is not None:
        wanted.append(f"({people})")
    return Source(
        noun="transactions",
        # Everyone is there; LEFT lets the database leave them out where nothing of them is asked
        table="transactions t LEFT JOIN constituents c ON c.id = t.constituent_id",
        record="t.id",
        present="true" if scene.center_id is None else _IN_CENTER,
        wanted=" AND ".join(wanted),
        columns=made.columns,
        changed=_changed(settings, scene),
        withholdings=(*_WITHHOLDINGS, *made.withholdings),
        codes=tuple(made.codes),
        constituent_id="c.id",
        who=f"concat_ws(' · ', t.transaction_id, {WHO})",
        amount="t.amount",
        currency="t.currency",
        traits=_traits,
        trait_names=_TRAITS,
        cell_joins=made.joins,
        sends_once=True,
        in_order=False,
        parameters={
            "center": scene.center_id,
            **wanted_parameters(settings),
            "counted": made.counted,
        },
    )


_WITHHOLDINGS = (
    Withholding(Reason.NOT_SETTLED, "t.settled_on IS NULL"),
    Withholding(Reason.CONSTITUENT_INACTIVE, "NOT c.is_active"),
    # Who was removed needs another member ID less than to be there again
    Withholding(Reason.NO_MEMBER_ID, "c.is_active AND c.member_id IS NULL"),
    UNRESOLVED,
)


def _traits(looked_at: str) -> str:
    """What uploads wrote and nobody else, what began with one, and what was paid back for orders.
    Gifts of uploads are only looked for where there ever was one."""
    by_upload = "u.id IS NOT NULL"
    return (
        "SELECT record_id, bool_or(only_uploaded) AS only_uploaded,"
        " bool_or(began_offline) AS began_offline, bool_or(of_order) AS of_order FROM ("
        f"SELECT t.id, bool_and(l.id IS NULL OR {by_upload}),"
        f" coalesce(bool_or(l.op = 'insert' AND {by_upload}), false), false FROM transactions t"
        " LEFT JOIN change_log l ON l.table_name = 'transactions' AND l.key = t.id::text"
        f" LEFT JOIN ({_UPLOADS}) u ON u.id = l.run_id"
        f" WHERE t.upload_run_id IS NOT NULL AND EXISTS ({_UPLOADS}) AND {looked_at} GROUP BY t.id"
        f" UNION ALL SELECT t.id, false, false, true FROM ({_REFUND_OF_ORDER}) t WHERE {looked_at}"
        ") x (record_id, only_uploaded, began_offline, of_order) GROUP BY record_id"
    )


def _changed(settings: DownloadSettings, scene: Scene) -> Callable[[Window], str]:
    """Made, moved, or corrected in something the file tells. Who came into the center, or among
    those the settings ask for, brings what was never sent, or was corrected since: before they came
    it was nobody's. What went within a time that is asked for again doesn't count as sent."""

    def changed(window: Window) -> str:
        unseen = window.unseen()
        scope = "" if scene.center_id is None else f" AND {_IN_CENTER}"
        echo = "false" if settings.echoes else _BY_UPLOAD
        entered, joined = _entered(settings, scene), ""
        if entered:
            earlier = "" if window.since_at is None else " AND w.to_at < %(since_at)s"
            joined = (
                " UNION ALL SELECT t.id, false FROM change_log l"
                " JOIN transactions t ON t.constituent_id = l.constituent_id"
                f" WHERE {unseen} AND ({' OR '.join(entered)}){scope} AND NOT EXISTS"
                " (SELECT FROM download_deliveries d JOIN download_windows w ON w.run_id = d.run_id"
                f" WHERE d.block = {block_of('t.id')} AND d.records @> t.id"
                f" AND {window.delivered_by()}{earlier} AND NOT EXISTS (SELECT FROM change_log x"
                " WHERE x.table_name = 'transactions' AND x.key = t.id::text"
                " AND x.id > coalesce(w.position_log_id, 0) AND x.old ?| %(counted)s::text[]))"
            )
        return (
            "SELECT record_id, bool_and(is_echo) AS is_echo FROM ("
            f"SELECT t.id AS record_id, {echo} AS is_echo FROM change_log l"
            " JOIN transactions t ON t.id = l.key::bigint"
            f" WHERE {unseen} AND l.table_name = 'transactions'"
            f" AND (l.op = 'insert' OR l.old ?| %(counted)s::text[]){scope}{joined}"
            ") x (record_id, is_echo) GROUP BY record_id"
        )

    return changed


def _entered(settings: DownloadSettings, scene: Scene) -> list[str]:
    """SQL about `change_log l`: whether by it somebody came into the center or may have come among
    those the settings ask for."""
    came = "l.table_name = '{}' AND l.op = 'insert' AND l.key {}"
    any_of = "= ANY(%({})s::bigint[]::text[])"
    ways = {
        came.format("center_members", "= %(center)s::text"): scene.center_id is not None,
        came.format("center_members", any_of.format("centers")): settings.centers,
        came.format("group_members", any_of.format("groups")): settings.groups,
        f"l.table_name = 'interest_choices' AND l.key {any_of.format('interests')}": (
            settings.interests
        ),
        "l.table_name = 'constituents' AND l.op = 'update' AND l.old ? 'active_detail'": (
            settings.statuses
        ),
    }
    return [way for way, is_asked in ways.items() if is_asked]


class _Columns:
    """The columns of a file, what they go through and hold back, and what they depend on."""

    def __init__(self, settings: DownloadSettings, scene: Scene) -> None:
        self._settings = settings
        self._tables = scene.tables
        self.codes: list[Codes] = []
        self.withholdings: list[Withholding] = []
        self.counted: list[str] = ["constituent_id"]
        self._others: list[tuple[str, str]] = []
        made = [
            self._make(column.name, column.shown)
            for column in choose_columns(settings, TRANSACTION_DOWNLOAD_FIELDS)
        ]
        if settings.marks:
            made.append(mark_column(scene.run_id))
        self.columns = tuple(made)

    def joins(self, window: Window) -> str:
        """The other transactions whose keys are told. Of everything, only those that any names are
        looked at: all of them once more would cost as much as the file."""
        if not window.is_everything:
            return " ".join(
                f"LEFT JOIN transactions {name} ON {name}.id = t.{number}"
                for name, number in self._others
            )
        return " ".join(
            f"LEFT JOIN (SELECT b.id, b.transaction_id FROM transactions b WHERE b.id IN"
            f" (SELECT {number} FROM transactions WHERE {number} IS NOT NULL)) {name}"
            f" ON {name}.id = t.{number}"
            for name, number in self._others
        )

    def _make(self, name: str, heading: str) -> OutColumn:
        if name == "PAYMENT_DATE":
            self.counted.append("payment_date")
            return OutColumn(heading, date_cell("t.payment_date", self._settings), is_text=False)
        if name in PURPOSES:
            return self._purpose(heading, PURPOSES[name])
        if name == "SOURCE":
            return self._source(heading)
        if name in _OTHERS:
            self._others.append(_OTHERS[name])
        sql, is_text, depends_on = _PLAIN[name]
        if depends_on:
            self.counted.append(depends_on)
        return OutColumn(heading, sql, is_text=is_text)

    def _purpose(self, heading: str, purpose: Purpose) -> OutColumn:
        """What is sent for a campaign (form, ...)."""
        self.counted.append(purpose.name)
        value = f"t.{purpose.name}::text"
        if not self._settings.translates:
            return OutColumn(heading, value, is_text=False)
        found = []
        for key, kind, shown in purpose.types:
            about = (
                f"EXISTS (SELECT FROM {purpose.table} p WHERE p.id = u.value::bigint"
                f" AND p.kind = '{kind}')"
            )
            codes = Codes(self._tables[key], (value,), only=about if kind else "true")
            found.append(codes)
            self.withholdings.append(
                codes.withhold(
                    shown,
                    value,
                    joins=f"JOIN {purpose.table} p ON p.id = t.{purpose.name}",
                    shown="p.name || ' (' || p.id || ')'",
                )
            )
        self.codes += found
        return OutColumn(heading, sent(value, *found), is_text=False)

    def _source(self, heading: str) -> OutColumn:
        self.counted.append("source")
        table = self._tables.get(SOURCE_KEY)
        if table is None:
            return OutColumn(heading, "t.source")
        codes = Codes(table, ("t.source",))
        self.codes.append(codes)
        self.withholdings.append(codes.withhold("SOURCE", "t.source"))
        return OutColumn(heading, sent("t.source", codes), is_text=False)
