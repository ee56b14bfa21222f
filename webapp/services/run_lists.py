"""Finding runs: the list of results, drafts, and what belongs to one run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, joinedload

from webapp.models import Group, GroupMember, Interest, Operation, Run, Upload, User
from webapp.rules.catalogues import CROSSREF_UPLOAD

PAGE_RUNS = 25
UNDO_UNDER_WAY = ("queued", "running", "stale")


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are wanted; blank means all."""

    state: str = ""
    operation: str = ""
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether every run is wanted."""
        return not (self.state or self.operation or self.text)


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs, newest first, and the keys of the pages beside it (None: there is none)."""

    runs: Sequence[Run]
    newer_after: int | None
    older_before: int | None


def list_results(
    session: Session,
    center_ids: Collection[int] | None,
    wanted: RunFilter,
    *,
    entries_in: Collection[int] | None = None,
    before: int | None = None,
    after: int | None = None,
    limit: int = PAGE_RUNS,
) -> RunPage:
    """Runs and undos that were started, newest first; `center_ids` None means every center's.
    Uploads of cross-references are among them where `entries_in` lets their centers be seen."""
    query = (
        select(Run)
        .options(joinedload(Run.operation), joinedload(Run.upload), joinedload(Run.user))
        .where(
            Run.kind.in_(("run", "undo")),
            Run.state != "draft",
            # Drafts that were thrown away were never run, so there is no result of them
            or_(Run.state != "cancelled", Run.queued_at.is_not(None)),
            *_conditions(wanted),
        )
        .limit(limit + 1)
    )
    if center_ids is not None:
        query = query.where(Run.center_id.in_(center_ids))
    if entries_in is not None:
        others = select(Operation.id).where(Operation.kind != CROSSREF_UPLOAD)
        query = query.where(or_(Run.operation_id.in_(others), Run.center_id.in_(entries_in)))
    forwards = after is not None
    if after is not None:
        query = query.where(Run.id > after).order_by(Run.id)
    else:
        query = query.order_by(Run.id.desc())
        if before is not None:
            query = query.where(Run.id < before)
    found = list(session.scalars(query))
    has_more = len(found) > limit
    runs = found[:limit]
    if forwards:
        runs.reverse()
    if not runs:
        return RunPage((), None, None)
    has_newer = has_more if forwards else before is not None
    has_older = True if forwards else has_more
    return RunPage(runs, runs[0].id if has_newer else None, runs[-1].id if has_older else None)


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.state:
        conditions.append(Run.state == wanted.state)
    if wanted.operation:
        conditions.append(Run.operation.has(Operation.slug == wanted.operation))
    if wanted.text:
        conditions.append(
            or_(
                Run.label.icontains(wanted.text, autoescape=True),
                Run.description.icontains(wanted.text, autoescape=True),
                Run.upload.has(Upload.name.icontains(wanted.text, autoescape=True)),
                Run.user.has(
                    or_(
                        User.name.icontains(wanted.text, autoescape=True),
                        User.email.icontains(wanted.text, autoescape=True),
                    )
                ),
            )
        )
    return conditions


def list_drafts(session: Session, user_id: int, limit: int = 20) -> Sequence[Run]:
    """The runs this person prepared and has not started, last touched first."""
    return session.scalars(
        select(Run)
        .options(joinedload(Run.operation), joinedload(Run.upload))
        .where(Run.state == "draft", Run.kind == "run", Run.user_id == user_id)
        .order_by(Run.id.desc())
        .limit(limit)
    ).all()


def list_operations(session: Session) -> Sequence[Operation]:
    """Every operation, for the filter."""
    return session.scalars(select(Operation).order_by(Operation.title)).all()


def get_run(session: Session, run_id: int) -> Run | None:
    """One run with its operation, file and person, in one SELECT."""
    return session.scalars(
        select(Run)
        .options(joinedload(Run.operation), joinedload(Run.upload), joinedload(Run.user))
        .where(Run.id == run_id)
    ).one_or_none()


def find_undo(session: Session, run_id: int) -> Run | None:
    """The undo of a run that is under way or done; a failed or cancelled one can be repeated."""
    return session.scalars(
        select(Run)
        .where(
            Run.parent_id == run_id,
            Run.kind == "undo",
            Run.state.in_((*UNDO_UNDER_WAY, "success")),
        )
        .order_by(Run.id.desc())
        .limit(1)
    ).one_or_none()


def find_broken_off_undo(session: Session, run_id: int) -> Run | None:
    """The last undo of a run, if that took back something and did not get to the end."""
    undo = session.scalars(
        select(Run)
        .where(Run.parent_id == run_id, Run.kind == "undo")
        .order_by(Run.id.desc())
        .limit(1)
    ).one_or_none()
    if undo is None or undo.state not in ("failure", "cancelled"):
        return None
    did = undo.tallies.get("restored") or undo.tallies.get("removed")
    return undo if did else None


def find_undos(session: Session, run_ids: Collection[int]) -> dict[int, Run]:
    """The same for a page of runs: run id → its undo."""
    undos = session.scalars(
        select(Run)
        .where(
            Run.parent_id.in_(run_ids),
            Run.kind == "undo",
            Run.state.in_((*UNDO_UNDER_WAY, "success")),
        )
        .order_by(Run.id)
    )
    return {undo.parent_id: undo for undo in undos if undo.parent_id is not None}


def find_undo_preview(session: Session, run_id: int) -> Run | None:
    """The newest look at what undoing a run would do."""
    return session.scalars(
        select(Run)
        .where(Run.parent_id == run_id, Run.kind == "undo_preview")
        .order_by(Run.id.desc())
        .limit(1)
    ).one_or_none()


def has_effects(run: Run) -> bool:
    """Whether a run changed anything, as far as its counts tell: then it can be undone."""
    if run.created or run.updated:
        return True
    return bool(run.tallies.get("groups") or run.tallies.get("interests"))


@dataclass(frozen=True, slots=True)
class Effect:
    """What a run did to one group or interest: how many it put in and, of an interest, how many
    it put out. One that a preview would make has no number yet: 0."""

    id: int
    name: str
    count: int
    out: int = 0


@dataclass(frozen=True, slots=True)
class Sum:
    """What the transactions a run made add up to in one currency: gifts, and refunds."""

    currency: str
    given: Decimal
    refunded: Decimal


@dataclass(frozen=True, slots=True)
class Effects:
    """What a run did beside constituents."""

    new_group: Group | None
    modified_group: Group | None
    groups: list[Effect]
    interests: list[Effect]
    modified: int | None = None
    """How many the Modified group has, where that is not the number of updated rows: some were
    about the same constituent."""
    made_groups: list[Effect] = field(default_factory=list)
    made_interests: list[Effect] = field(default_factory=list)
    amounts: list[Sum] = field(default_factory=list)

    @property
    def has_any(self) -> bool:
        """Whether it did anything at all."""
        made = (self.made_groups, self.made_interests)
        lists = (self.groups, self.interests, *made)
        return bool(self.new_group or self.modified_group or self.amounts or any(lists))


def get_effects(session: Session, run: Run) -> Effects:
    """The groups a run made, and those (and the interests) it added people to."""
    groups = _counts(run.tallies.get("groups"))
    interests = _counts(run.tallies.get("interests"))
    opted_out = _counts(run.tallies.get("interests_out"))
    made = [group_id for group_id in (run.new_group_id, run.modified_group_id) if group_id]
    wanted = {*groups, *made}
    found = session.scalars(select(Group).where(Group.id.in_(wanted))) if wanted else ()
    by_id = {group.id: group for group in found}
    names = {group_id: group.name for group_id, group in by_id.items()}
    topics: dict[int, str] = {}
    chosen = {*interests, *opted_out}
    if chosen:
        rows = session.execute(select(Interest.id, Interest.name).where(Interest.id.in_(chosen)))
        topics = {row[0]: row[1] for row in rows}
    return Effects(
        by_id.get(run.new_group_id or 0),
        by_id.get(run.modified_group_id or 0),
        _effects({key: count for key, count in groups.items() if key not in made}, names),
        _effects({key: interests.get(key, 0) for key in chosen}, topics, opted_out),
        _count_members(session, run.modified_group_id) if run.tallies.get("repeated") else None,
        _made(session, run, Group, "new_groups"),
        _made(session, run, Interest, "new_interests"),
        list_sums(run),
    )


def list_sums(run: Run) -> list[Sum]:
    """What the transactions a run made (or would make) add up to. Counted in thousandths."""
    told = dict(run.tallies.get("amounts") or {})
    currencies = sorted({key.removeprefix("-") for key in told})

    def amount(key: str) -> Decimal:
        return Decimal(int(told.get(key, 0))) / 1000

    return [Sum(code, amount(code), amount(f"-{code}")) for code in currencies]


def _made(
    session: Session, run: Run, table: type[Group] | type[Interest], tally: str
) -> list[Effect]:
    """What names in the file made, with the numbers it has by now."""
    into = dict(run.tallies.get(tally) or {})
    out = dict(run.tallies.get(f"{tally}_out") or {})
    names = {*into, *out}
    if not names:
        return []
    rows = session.execute(select(table.name, table.id).where(table.made_by_run_id == run.id))
    ids = {row[0]: row[1] for row in rows}
    made = [Effect(ids.get(n, 0), n, into.get(n, 0), out.get(n, 0)) for n in names]
    return sorted(made, key=lambda effect: (-effect.count - effect.out, effect.name))


def _count_members(session: Session, group_id: int | None) -> int | None:
    if group_id is None:
        return None
    members = select(func.count()).select_from(GroupMember)
    return session.scalar(members.where(GroupMember.group_id == group_id))


def _counts(tally: Any) -> dict[int, int]:
    """{"12": 340} or {"12": {"in": 300, "out": 40}} as {12: 340}."""
    if not isinstance(tally, dict):
        return {}
    return {
        int(key): sum(value.values()) if isinstance(value, dict) else int(value)
        for key, value in tally.items()
    }


def _effects(
    counts: dict[int, int], names: dict[int, str], out: Mapping[int, int] | None = None
) -> list[Effect]:
    effects = [
        Effect(key, names.get(key, f"No. {key}"), count, (out or {}).get(key, 0))
        for key, count in counts.items()
    ]
    return sorted(effects, key=lambda effect: (-effect.count - effect.out, effect.name))
