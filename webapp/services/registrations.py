"""New registrations that may be somebody who is here already, until a person decides.

DOMAIN: Resolving New Registrations. A pair waits while nobody has decided about it and both records
are active; its registration is in no download meanwhile. “Not a match” is for good. Who works for
centers sees the registrations of their members; of a candidate of another center only that there
is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from webapp.config import site_zone
from webapp.errors import DataSyncError
from webapp.formats import day
from webapp.keys import read_key
from webapp.models import CenterMember, Constituent, PotentialMatch, Run
from webapp.models.registrations import NOT_A_MATCH
from webapp.rules.catalogues import catalogue_of
from webapp.rules.fields import Kind
from webapp.rules.money import written
from webapp.services.constituent_lookups import phone_digits
from webapp.services.constituents import get_sections, hold_active
from webapp.services.custom_fields import custom_fields
from webapp.services.locks import waiting_briefly
from webapp.services.transactions import TransactionFilter, get_totals

PAGE_PAIRS = 50
MOST_COUNTED = 1_000
"""What waits is counted up to here: a tab has no use for more."""
MOST_OF_ONE = 50
"""So many pairs of one record are shown of each sort; deciding the rest shows those behind them."""

_ACTOR = func.nullif(func.current_setting("datasync.actor", True), "")
_Registration = aliased(Constituent, name="registration")
_Candidate = aliased(Constituent, name="candidate")
_BOTH_ACTIVE = (_Registration.is_active, _Candidate.is_active)


@dataclass(frozen=True, slots=True)
class Reach:
    """The centers whose registrations somebody sees, and those for which they decide (None: all).
    A candidate has only to be seen."""

    sees: frozenset[int] | None = None
    decides: frozenset[int] | None = None


EVERYTHING = Reach()


@dataclass(frozen=True, slots=True)
class Pair:
    """A registration, and a record it may be the same as: None where that is another center's.

    `is_waiting`: nobody has decided, and both are active. `may_decide`: this person may.
    """

    id: int
    registration: Constituent
    candidate: Constituent | None
    found_at: datetime
    found_by: str | None
    decided_at: datetime | None
    decided_by: str | None
    is_waiting: bool
    may_decide: bool

    @property
    def both(self) -> str:
        """The two by name."""
        other = self.candidate.display_name if self.candidate else "a record of another center"
        return f"{self.registration.display_name} and {other}"


@dataclass(frozen=True, slots=True)
class Page:
    """Some pairs, and the key behind which the next page begins."""

    pairs: tuple[Pair, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs that one record is in, of each sort `MOST_OF_ONE` at most."""

    waiting: tuple[Pair, ...]  # it is the registration
    others: tuple[Pair, ...]  # another registration may be this record
    settled: tuple[Pair, ...]  # decided, or one of the two is no longer active
    waiting_count: int  # all that wait, shown or not


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of deciding: how many pairs now are no match, and a sentence for each of the rest
    that says why not."""

    pairs: int
    told: tuple[str, ...]


# ---- looking ----


def count_waiting(
    session: Session, centers: Collection[int] | None, *, most: int | None = None
) -> int:
    """How many registrations of these centers (None: of all) wait; `most` ends the counting."""
    found = _waiting(centers, select(PotentialMatch.registration_id)).distinct().limit(most)
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def count_for_run(session: Session, run: Run, *, most: int | None = MOST_COUNTED) -> int:
    """How many wait that this run would meet: a center's run, that center's. Runs about no people
    meet nobody. `most` ends the counting."""
    if catalogue_of(run.operation.kind).is_of_entries:
        return 0
    return count_waiting(session, centers_of(run), most=most)


def centers_of(run: Run) -> frozenset[int] | None:
    """The centers whose registrations a run meets: None, all of them, where it is the site's."""
    return None if run.center_id is None else frozenset({run.center_id})


def list_waiting(
    session: Session,
    reach: Reach,
    *,
    within: Collection[int] | None = None,
    after: str = "",
    limit: int = PAGE_PAIRS,
) -> Page:
    """The pairs that wait (of registrations of these centers), those of one registration together,
    behind the key `after`."""
    key = (PotentialMatch.registration_id, PotentialMatch.id)
    query = _waiting(reach.sees, _pairs(reach)).where(_sees(_Registration, within))
    if (position := _read_key(after)) is not None:
        query = query.where(tuple_(*key) > position)
    found = _read(session, query.order_by(*key).limit(limit + 1))
    last = found[limit - 1] if len(found) > limit else None
    return Page(tuple(found[:limit]), f"{last.registration.id}:{last.id}" if last else None)


def find_next(session: Session, reach: Reach, after_id: int) -> int | None:
    """The registration that waits behind this one, or before it, if there is another one at all."""
    number = PotentialMatch.registration_id
    query = _waiting(reach.sees, select(number)).order_by(number).limit(1)
    found: int | None = session.scalar(query.where(number > after_id))
    return found if found is not None else session.scalar(query.where(number < after_id))


def list_pairs(session: Session, constituent_id: int, reach: Reach) -> Pairs:
    """The pairs that this record is in; of the other one only what this person may see."""
    is_it = PotentialMatch.registration_id == constituent_id
    may_be_it = PotentialMatch.candidate_id == constituent_id
    first, last = PotentialMatch.id, PotentialMatch.id.desc()
    waiting = _waiting(reach.sees, _pairs(reach)).limit(MOST_OF_ONE)
    settled = (
        _joined(_pairs(reach))
        .where(or_(is_it, may_be_it), _sees(_Registration, reach.sees))
        .where(~and_(PotentialMatch.decision.is_(None), *_BOTH_ACTIVE))
        .limit(MOST_OF_ONE)
    )
    mine = _read(session, waiting.where(is_it).order_by(first))
    count = len(mine)
    if count == MOST_OF_ONE:
        found = _waiting(reach.sees, select(func.count(PotentialMatch.id))).where(is_it)
        count = session.scalar(found) or 0
    return Pairs(
        waiting=tuple(mine),
        others=tuple(_read(session, waiting.where(may_be_it).order_by(first))),
        settled=tuple(_read(session, settled.order_by(last))),
        waiting_count=count,
    )


def _pairs(reach: Reach) -> Select[Any]:
    is_seen = _sees(_Candidate, reach.sees).label("is_seen")
    is_theirs = _sees(_Registration, reach.decides).label("is_theirs")
    columns: list[Any] = [PotentialMatch, _Registration, _Candidate, is_seen, is_theirs]
    return select(*columns)


def _joined(query: Select[Any]) -> Select[Any]:
    """With both records: a pair of which one was deleted is nobody's business any more."""
    return query.join(_Registration, _Registration.id == PotentialMatch.registration_id).join(
        _Candidate, _Candidate.id == PotentialMatch.candidate_id
    )


def _waiting(centers: Collection[int] | None, query: Select[Any]) -> Select[Any]:
    """As the view `unresolved_duplicates` has it, which is what downloads ask."""
    return _joined(query).where(
        PotentialMatch.decision.is_(None), *_BOTH_ACTIVE, _sees(_Registration, centers)
    )


def _sees(record: type[Constituent], centers: Collection[int] | None) -> ColumnElement[bool]:
    if centers is None:
        return true()
    return exists().where(
        CenterMember.constituent_id == record.id, CenterMember.center_id.in_(centers)
    )


def _read(session: Session, query: Select[Any]) -> list[Pair]:
    return [_pair(*row) for row in session.execute(query)]


def _pair(
    match: PotentialMatch,
    registration: Constituent,
    candidate: Constituent,
    is_seen: bool,
    is_theirs: bool,
) -> Pair:
    is_open = match.decision is None
    return Pair(
        id=match.id,
        registration=registration,
        candidate=candidate if is_seen else None,
        found_at=match.found_at,
        found_by=match.found_by,
        decided_at=match.decided_at,
        decided_by=match.decided_by,
        is_waiting=is_open and registration.is_active and candidate.is_active,
        may_decide=is_open and is_seen and is_theirs,
    )


def _read_key(text: str) -> tuple[int, int] | None:
    registration, _, pair = text.partition(":")
    first, second = read_key(registration), read_key(pair)
    return None if first is None or second is None else (first, second)


# ---- two records side by side ----


@dataclass(frozen=True, slots=True)
class Compared:
    """One field of two records, as people read it; None where it is blank."""

    label: str
    mine: str | None
    theirs: str | None
    is_field: bool = True
    is_phone: bool = False

    @property
    def verdict(self) -> str:
        """In a word: same, differs, one (of the two has it), or blank where there is nothing to
        compare."""
        if not self.is_field:
            return ""
        if self.mine is None or self.theirs is None:
            return "one"
        read = phone_digits if self.is_phone else str.casefold
        return "same" if read(self.mine) == read(self.theirs) else "differs"


def compare(session: Session, one: Constituent, other: Constituent) -> tuple[Compared, ...]:
    """The fields that one of them has at least, in the order of the catalogue, after what tells
    which of the two records is the one to keep."""
    fields = custom_fields(session)
    found = [
        Compared(
            own.field.label,
            own.value,
            their.value,
            is_phone=own.field.column.endswith("_PHONE") and own.field.kind is not Kind.CHOICE,
        )
        for mine, theirs in zip(get_sections(one, fields), get_sections(other, fields), strict=True)
        for own, their in zip(mine.values, theirs.values, strict=True)
        if own.value is not None or their.value is not None
    ]
    return (
        _fact("CONS_ID", str(one.id), str(other.id)),
        _fact("State", one.active_detail, other.active_detail),
        _fact("Created", _day(one.created_at), _day(other.created_at)),
        _fact("Transactions", _gifts(session, one.id), _gifts(session, other.id)),
        *found,
    )


def _fact(label: str, mine: str | None, theirs: str | None) -> Compared:
    return Compared(label, mine, theirs, is_field=False)


def _gifts(session: Session, constituent_id: int) -> str | None:
    totals = get_totals(session, TransactionFilter(), constituent_id=constituent_id)
    sums = ", ".join(written(total.amount, total.currency) for total in totals)
    return f"{sum(total.count for total in totals):,}: {sums}" if totals else None


def _day(moment: datetime) -> str:
    return day(moment.astimezone(site_zone()).date())


# ---- putting a pair down ----


def put_down(session: Session, registration_id: int, candidate_id: int) -> None:
    """Say that a registration may be the same person as another record: it then waits. Raises
    `DataSyncError` when it can't be, or was decided before."""
    if registration_id == candidate_id:
        raise DataSyncError("same", "This is the record itself. Choose another one.")
    with waiting_briefly(session, "A run is writing to these records. Try again in a moment."):
        for constituent_id in sorted((registration_id, candidate_id)):
            hold_active(session, constituent_id)
    row = {"registration_id": registration_id, "candidate_id": candidate_id, "found_by": _ACTOR}
    made = insert(PotentialMatch).values(row).on_conflict_do_nothing()
    if session.scalar(made.returning(PotentialMatch.id)) is None:
        raise _known_already(session, registration_id, candidate_id)


def _known_already(session: Session, one: int, other: int) -> DataSyncError:
    columns = (PotentialMatch.registration_id, PotentialMatch.candidate_id)
    pair = _read(
        session,
        _joined(_pairs(EVERYTHING))
        .where(tuple_(*columns).in_([(one, other), (other, one)]))
        .execution_options(populate_existing=True),
    )[0]
    if pair.decided_at is not None:
        return DataSyncError("decided", f"{_who_decided(pair)} That stays.")
    return DataSyncError(
        "waiting",
        f"{pair.registration.display_name} waits already until somebody decides whether it is the "
        f"same person as {pair.candidate.display_name if pair.candidate else 'this one'}.",
    )


def _who_decided(pair: Pair) -> str:
    when = _day(pair.decided_at) if pair.decided_at else ""
    return (
        f"{pair.decided_by or 'Somebody'} decided on {when} that {pair.both} are not the same "
        "person."
    )


# ---- deciding ----


def decide_not_a_match(session: Session, match_ids: Iterable[int], reach: Reach) -> Decided:
    """Say of these pairs that they are two people. That stays: the pair never comes back. What
    this person may not decide, or somebody else decided meanwhile, is told."""
    wanted = sorted(set(match_ids))
    query = (
        _joined(_pairs(reach))
        .where(PotentialMatch.id.in_(wanted), _sees(_Registration, reach.sees))
        .order_by(PotentialMatch.id)
        .with_for_update(of=PotentialMatch)
        .execution_options(populate_existing=True)
    )
    found = _read(session, query)
    decided = [pair.id for pair in found if pair.may_decide]
    for match in session.scalars(select(PotentialMatch).where(PotentialMatch.id.in_(decided))):
        match.decision = NOT_A_MATCH
        match.decided_at = func.now()
        match.decided_by = _ACTOR
    session.flush()
    told = [_why_not(pair) for pair in found if not pair.may_decide]
    if len(found) < len(wanted):
        told.append("A record is not there any more, so there is nothing to decide about it.")
    return Decided(len(decided), tuple(told))


def _why_not(pair: Pair) -> str:
    if pair.decided_at is not None:
        return _who_decided(pair)
    if pair.candidate is None:
        return (
            f"{pair.registration.display_name} may be the same person as a record of another "
            "center. Somebody who works for the whole site has to decide."
        )
    return f"You may look at {pair.both}, but not decide about them."


def resolve_rest(session: Session, registration_id: int, reach: Reach) -> Decided:
    """Say of all candidates that are left that none is the same person as this registration."""
    query = _waiting(reach.sees, select(PotentialMatch.id))
    left = session.scalars(query.where(PotentialMatch.registration_id == registration_id))
    return decide_not_a_match(session, left, reach)
