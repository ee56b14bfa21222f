"""The transactions of the demo organisation: believable, and the same each time."""

# ruff: noqa: S311  # chance is wanted here, not secrecy

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random

from webapp.models import Base, Campaign, Designation, DonationForm, Event
from webapp.rules.transactions import CreationMethod, TenderType, TransactionType
from webapp.services.demo_people import NORTH, SEED, SOUTH, Person, demo_people

FIRST_NUMBER = 100_001
LAST_DAY = date(2025, 8, 29)
UNSETTLED_DAYS = 6
"""Payments by card of the last days before the end have not been settled yet."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """Something that gifts are for, with a number that files can name."""

    id: int
    name: str
    description: str = ""
    center_id: int | None = None


@dataclass(frozen=True, slots=True)
class DemoEvent(Purpose):
    """An event; `kind` as in the table."""

    kind: str = "calendar"
    held_on: date | None = None


CAMPAIGNS = (
    Purpose(301, "Annual Fund 2024", "Unrestricted gifts of the year."),
    Purpose(302, "Annual Fund 2025", "Unrestricted gifts of the year."),
    Purpose(303, "Spring Appeal 2025", "The letter of April."),
    Purpose(304, "Save Otter Meadow", "Land that is for sale."),
    Purpose(305, "Events 2025", "Tickets, teams and runs."),
    Purpose(306, "North Center Trails", "Boardwalks in the North."),
)
FORMS = (
    Purpose(401, "Give now"),
    Purpose(402, "Monthly giving"),
    Purpose(403, "In honor or memory"),
    Purpose(404, "Otter Meadow page"),
    Purpose(405, "North Center page"),
)
DESIGNATIONS = (
    Purpose(501, "Where it is needed most"),
    Purpose(502, "Land fund"),
    Purpose(503, "Education"),
    Purpose(504, "Wildlife rescue"),
    Purpose(505, "South Center trees", "", SOUTH),
)
EVENTS = (
    DemoEvent(601, "Spring Gala 2025", kind="calendar", held_on=date(2025, 5, 17)),
    DemoEvent(602, "Harvest Dinner 2024", kind="calendar", held_on=date(2024, 10, 12)),
    DemoEvent(603, "River Run 2025", kind="teamraiser", held_on=date(2025, 6, 14)),
    DemoEvent(604, "Nora's birthday for otters", kind="personal"),
    DemoEvent(605, "Miles for Maple Creek", kind="personal"),
)
TEAMS = ("The Herons", "Mud & Glory", "Otterly Fast", "Team Lindgren", "Creek Freaks")
PRODUCTS = (("Otter mug", "14.00"), ("Field guide", "24.95"), ("Canvas bag", "18.50"))
TICKETS = (("Gala seat", "150.00"), ("Gala table of eight", "1100.00"))

CROSS_REFERENCES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "campaign": (
        ("301", "AF24", "Donor system: campaign"),
        ("302", "AF25", "Donor system: campaign"),
        ("303", "SPR25", "Donor system: campaign"),
        ("305", "EVT25", "Donor system: campaign"),
        ("306", "NTRAIL", "Donor system: campaign"),
    ),
    "donation_form": (
        ("401", "WEB", "Donor system: appeal"),
        ("402", "WEB-M", "Donor system: appeal"),
        ("403", "TRIB", "Donor system: appeal"),
        ("404", "OTTER", "Donor system: appeal"),
        ("405", "WEB-N", "Donor system: appeal"),
    ),
    "designation": (
        ("501", "GEN", "Donor system: fund"),
        ("502", "LAND", "Donor system: fund"),
        ("503", "EDU", "Donor system: fund"),
    ),
    "event": (("601", "GALA25", "Donor system: event"), ("602", "HARV24", "Donor system: event")),
    "teamraiser": (("603", "RUN25", "Donor system: event"),),
}
"""Otter Meadow, wildlife rescue and the personal events have no entry yet: their gifts wait."""


@dataclass(slots=True)
class Gift:
    """One transaction; the names are those of the table's columns."""

    id: int
    transaction_type: TransactionType
    constituent_id: int
    amount: Decimal
    payment_date: date
    currency: str = "USD"
    tax_deductible: Decimal | None = None
    tender_type: TenderType = TenderType.CREDIT_CARD
    creation_method: CreationMethod = CreationMethod.ONLINE
    check_number: str | None = None
    confirmation_code: str | None = None
    settlement_batch: str | None = None
    settled_on: date | None = None
    campaign_id: int | None = None
    form_id: int | None = None
    designation_id: int | None = None
    event_id: int | None = None
    participant_id: int | None = None
    team_name: str | None = None
    source: str | None = None
    sub_source: str | None = None
    recurring_of: int | None = None
    refund_of: int | None = None
    tribute_type: str | None = None
    tribute_name: str | None = None
    receipt_number: str | None = None
    items: list[tuple[str, str, int, Decimal]] = field(default_factory=list)

    @property
    def transaction_id(self) -> str:
        """The key in files."""
        return f"T{FIRST_NUMBER + self.id - 1}"


COLUMNS = ("transaction_id", *(each.name for each in fields(Gift) if each.name != "items"))


@cache
def demo_gifts() -> tuple[Gift, ...]:
    """All of them, by date and number. Do not change them: they are shared."""
    chance = Random(SEED + 11)
    maker = _Maker(chance)
    for person in demo_people():
        maker.give(person)
    return maker.finished()


def gift_rows() -> Iterable[Sequence[object]]:
    """The rows of `transactions`, in the order of COLUMNS."""
    return ([_stored(getattr(gift, name)) for name in COLUMNS] for gift in demo_gifts())


def purpose_rows() -> Mapping[type[Base], Sequence[Base]]:
    """What the gifts are for, as rows of their tables."""
    kinds: Mapping[type[Base], Sequence[Purpose]] = {
        Campaign: CAMPAIGNS,
        DonationForm: FORMS,
        Designation: DESIGNATIONS,
        Event: EVENTS,
    }
    return {model: [model(**asdict(each)) for each in found] for model, found in kinds.items()}


def item_rows() -> Iterable[Sequence[object]]:
    """The rows of `transaction_items`: transaction, place, kind, name, quantity, price."""
    for gift in demo_gifts():
        for place, (kind, name, quantity, price) in enumerate(gift.items, start=1):
            yield gift.id, place, kind, name, quantity, price


def _stored(value: object) -> object:
    if isinstance(value, Decimal):
        return value.quantize(Decimal("0.01"))
    return str(value) if isinstance(value, TransactionType | TenderType) else value


class _Maker:
    """Makes each person's transactions; numbers them by date in the end."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._gifts: list[Gift] = []
        self._runners: list[Person] = []

    def give(self, person: Person) -> None:
        """What one person gave."""
        chance = self._chance
        kinds: Mapping[str, Callable[[Person], None]] = {
            "Donor": self._donor,
            "Major donor": self._major,
            "Monthly donor": self._monthly,
            "Lapsed": self._lapsed,
        }
        if person.donor_status:
            kinds[person.donor_status](person)
        if chance.random() < 0.06:
            self._tickets(person)
        if chance.random() < 0.05:
            self._run(person)
        if chance.random() < 0.03:
            self._personal(person)
        if chance.random() < 0.04:
            self._order(person)

    def finished(self) -> tuple[Gift, ...]:
        """All gifts, numbered by date, with refunds of some."""
        chance = self._chance
        for gift in chance.sample(self._gifts, 70):
            if gift.amount and gift.transaction_type is not TransactionType.ECOMMERCE_ORDER:
                self._refund(gift)
        self._gifts.sort(key=lambda gift: (gift.payment_date, gift.id))
        numbers = {gift.id: number for number, gift in enumerate(self._gifts, start=1)}
        for gift in self._gifts:
            gift.id = numbers[gift.id]
            gift.recurring_of = numbers.get(gift.recurring_of or 0)
            gift.refund_of = numbers.get(gift.refund_of or 0)
            self._settle(gift)
        return tuple(self._gifts)

    def _add(
        self,
        person: Person,
        kind: TransactionType,
        amount: str | Decimal,
        day: date,
        **more: object,
    ) -> Gift:
        gift = Gift(len(self._gifts) + 1, kind, person.id, Decimal(amount), day)
        for name, value in more.items():
            setattr(gift, name, value)
        gift.source, gift.sub_source = person.source, person.sub_source
        self._gifts.append(gift)
        return gift

    def _day(self, person: Person, last: date = LAST_DAY) -> date:
        first = max(_date(person.created_at), date(2023, 9, 1))
        span = (last - first).days
        return first + timedelta(days=self._chance.randrange(span)) if span > 0 else last

    def _donor(self, person: Person) -> None:
        for _ in range(self._chance.choice((1, 1, 2, 2, 3, 4))):
            amount = self._chance.choice(
                ("20", "25", "35", "50", "50", "75", "100", "118.40", "250")
            )
            self._donation(person, amount, self._day(person))

    def _major(self, person: Person) -> None:
        for _ in range(self._chance.randrange(2, 5)):
            amount = self._chance.choice(("1000", "1500", "2500", "5000", "12500"))
            gift = self._donation(person, amount, self._day(person))
            gift.designation_id = self._chance.choice((502, 501, 504))

    def _lapsed(self, person: Person) -> None:
        self._donation(
            person,
            self._chance.choice(("15", "30", "50")),
            date(2023, 9, 1) + timedelta(days=self._chance.randrange(90)),
        )

    def _monthly(self, person: Person) -> None:
        chance = self._chance
        amount = chance.choice(("5", "10", "10", "15", "25", "50"))
        day = self._day(person, date(2025, 6, 30)).replace(day=chance.randrange(1, 28))
        first = self._donation(person, amount, day)
        first.form_id, first.tender_type = 402, TenderType.CREDIT_CARD
        first.creation_method, first.check_number = CreationMethod.ONLINE, None
        for _ in range(24):
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=first.payment_date.day)
            if day > LAST_DAY or chance.random() < 0.02:
                return
            self._add(
                person, TransactionType.RECURRING_PAYMENT, amount, day,
                creation_method=CreationMethod.RECURRING, campaign_id=first.campaign_id,
                form_id=402, designation_id=501, recurring_of=first.id,
                tax_deductible=Decimal(amount),
            )  # fmt: skip

    def _donation(self, person: Person, amount: str, day: date) -> Gift:
        chance = self._chance
        gift = self._add(person, TransactionType.DONATION, amount, day, designation_id=501)
        gift.campaign_id = 301 if day.year < 2025 else 302
        gift.form_id = 401
        gift.tax_deductible = gift.amount
        draw = chance.random()
        if draw < 0.12 and day >= date(2025, 4, 1):
            gift.campaign_id = 303
        elif draw < 0.18:
            gift.campaign_id, gift.form_id, gift.designation_id = 304, 404, 502
        elif draw < 0.26:
            gift.form_id = 403
            gift.tribute_type = chance.choice(("in_honor", "in_memory"))
            other = chance.choice(demo_people())
            gift.tribute_name = f"{other.first_name} {other.last_name}"
        elif person.center_id == NORTH and draw < 0.4:
            gift.campaign_id, gift.form_id = 306, 405
        if chance.random() < 0.15:
            gift.designation_id = chance.choice((502, 503, 504))
        self._pay(gift)
        return gift

    def _pay(self, gift: Gift) -> None:
        chance = self._chance
        gift.tender_type = chance.choices(
            (TenderType.CREDIT_CARD, TenderType.ACH, TenderType.CHECK, TenderType.X_CHECKOUT,
             TenderType.CASH), weights=(60, 10, 20, 7, 3),
        )[0]  # fmt: skip
        if gift.tender_type in (TenderType.CHECK, TenderType.CASH):
            gift.creation_method, gift.form_id = CreationMethod.OFFLINE, None
        if gift.tender_type is TenderType.CHECK:
            gift.check_number = f"{chance.randrange(100, 9999):04}"

    def _tickets(self, person: Person) -> None:
        event = EVENTS[0] if self._chance.random() < 0.7 else EVENTS[1]
        name, price = TICKETS[0] if self._chance.random() < 0.95 else TICKETS[1]
        count = self._chance.choice((1, 2, 2, 3)) if name == TICKETS[0][0] else 1
        assert event.held_on is not None
        day = event.held_on - timedelta(days=self._chance.randrange(3, 60))
        gift = self._add(
            person, TransactionType.TICKET_PURCHASE, Decimal(price) * count, day,
            event_id=event.id, campaign_id=305,
        )  # fmt: skip
        gift.tax_deductible = gift.amount / 2
        gift.items.append(("ticket", name, count, Decimal(price)))

    def _run(self, person: Person) -> None:
        chance = self._chance
        day = date(2025, 3, 1) + timedelta(days=chance.randrange(100))
        team = chance.choice(TEAMS)
        self._add(
            person, TransactionType.TEAMRAISER_REGISTRATION, chance.choice(("0", "25", "35")), day,
            event_id=603, campaign_id=305, team_name=team, participant_id=person.id,
        )  # fmt: skip
        self._runners.append(person)
        for _ in range(chance.choice((0, 1, 2, 4))):
            giver = chance.choice(demo_people())
            runner = chance.choice(self._runners)
            amount = chance.choice(("10", "20", "25", "50", "100"))
            later = min(day + timedelta(days=chance.randrange(30)), LAST_DAY)
            self._add(
                giver, TransactionType.TEAMRAISER_GIFT, amount, later, event_id=603,
                campaign_id=305, team_name=team, participant_id=runner.id,
                tax_deductible=Decimal(amount),
            )  # fmt: skip

    def _personal(self, person: Person) -> None:
        amount = self._chance.choice(("15", "30", "40", "60"))
        self._add(
            person, TransactionType.PERSONAL_GIFT, amount, self._day(person),
            event_id=self._chance.choice((604, 605)), campaign_id=302,
            designation_id=504, tax_deductible=Decimal(amount),
        )  # fmt: skip

    def _order(self, person: Person) -> None:
        chosen = self._chance.sample(PRODUCTS, self._chance.randrange(1, 4))
        items = [("product", name, self._chance.randrange(1, 4), Decimal(p)) for name, p in chosen]
        total = sum((count * price for _, _, count, price in items), Decimal(0))
        gift = self._add(person, TransactionType.ECOMMERCE_ORDER, total, self._day(person))
        gift.items += items

    def _refund(self, gift: Gift) -> None:
        person = next(each for each in demo_people() if each.id == gift.constituent_id)
        day = min(gift.payment_date + timedelta(days=self._chance.randrange(1, 20)), LAST_DAY)
        self._add(
            person, TransactionType.REFUND, -gift.amount, day, refund_of=gift.id,
            campaign_id=gift.campaign_id, form_id=gift.form_id, event_id=gift.event_id,
            designation_id=gift.designation_id, tender_type=gift.tender_type,
            creation_method=gift.creation_method,
        )  # fmt: skip

    def _settle(self, gift: Gift) -> None:
        gift.receipt_number = f"R{gift.payment_date.year}-{gift.id:06}" if gift.amount > 0 else None
        if gift.tender_type in (TenderType.CHECK, TenderType.CASH) or not gift.amount:
            gift.settled_on = gift.payment_date
            return
        gift.confirmation_code = f"{gift.id * 7_919 % 900_000 + 100_000}-{gift.id % 97:02}"
        settled = gift.payment_date + timedelta(days=2)
        if gift.payment_date < LAST_DAY - timedelta(days=UNSETTLED_DAYS):
            gift.settled_on = settled
            gift.settlement_batch = f"B{settled:%Y%m%d}"


def _date(moment: datetime) -> date:
    return moment.date()
