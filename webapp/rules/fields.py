"""The catalogue of constituent fields: column names, lengths and kinds (DOMAIN: Column names).

A field's attribute in the database is its column name in lower case, in every layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from webapp.rules.transactions import TRIBUTE_LABELS, UPLOADED_TYPES, TenderType


class Kind(StrEnum):
    """How a cell of a field is read."""

    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    EMAIL = "email"
    DATE = "date"
    YES_NO = "yes_no"
    CHOICE = "choice"
    CONS_ID = "cons_id"
    GROUP_LIST = "group_list"
    INTEREST_LIST = "interest_list"
    GROUP_CODE = "group_code"
    GROUP_NAME = "group_name"
    INTEREST_CODE = "interest_code"
    INTEREST_NAME = "interest_name"
    AMOUNT = "amount"
    CURRENCY = "currency"
    CAMPAIGN = "campaign"
    DONATION_FORM = "donation_form"
    DESIGNATION = "designation"
    EVENT = "event"


class Section(StrEnum):
    """Where a field stands on a profile and in a template."""

    KEYS = "Keys"
    NAME = "Name"
    HOME = "Home address"
    ALT1 = "Alternate address 1"
    ALT2 = "Alternate address 2"
    PHONES = "Phones"
    PERSONAL = "Personal"
    CHOICES = "Choices"
    ORIGIN = "Origin"
    LISTS = "Groups and interests"
    GIFT = "Gift"
    STATE = "State"
    CUSTOM = "Custom fields"


@dataclass(frozen=True, slots=True)
class Field:
    """One column a file may have. `max_length` counts characters; None where not text."""

    column: str
    label: str
    kind: Kind
    section: Section
    max_length: int | None = None
    choices: tuple[str, ...] = ()

    @property
    def attribute(self) -> str:
        """The database column (`custom.KEY` for a custom field)."""
        if self.section is Section.CUSTOM:
            return "custom." + self.column.removeprefix("CUSTOM_").lower()
        return self.column.lower()

    @property
    def is_custom(self) -> bool:
        """Whether an administrator defined this field."""
        return self.section is Section.CUSTOM


PHONE_CHOICES = ("home", "work", "mobile", "fax")
EMAIL_STATUSES = ("unknown", "good", "bounced")
ADDRESS_PREFIXES = ("HOME", "ALT1", "ALT2")
_ADDRESS_PARTS = (
    ("STREET1", "street, line 1", 128),
    ("STREET2", "street, line 2", 128),
    ("STREET3", "street, line 3", 128),
    ("CITY", "city", 64),
    ("STATEPROV", "state or province", 64),
    ("ZIP", "ZIP or postal code", 40),
    ("COUNTY", "county", 64),
    ("COUNTRY", "country", 64),
)
_ADDRESS_SECTIONS = {"HOME": Section.HOME, "ALT1": Section.ALT1, "ALT2": Section.ALT2}
_ADDRESS_LABELS = {"HOME": "Home", "ALT1": "Alternate 1", "ALT2": "Alternate 2"}


def _text(column: str, label: str, section: Section, length: int) -> Field:
    return Field(column, label, Kind.TEXT, section, length)


def _addresses() -> Iterable[Field]:
    for prefix in ADDRESS_PREFIXES:
        for part, label, length in _ADDRESS_PARTS:
            yield _text(
                f"{prefix}_{part}",
                f"{_ADDRESS_LABELS[prefix]} {label}",
                _ADDRESS_SECTIONS[prefix],
                length,
            )


CONS_ID = Field("CONS_ID", "Constituent ID", Kind.CONS_ID, Section.KEYS)
GROUP_IDS = Field("GROUP_IDS", "Group IDs", Kind.GROUP_LIST, Section.LISTS)
INTEREST_IDS = Field("INTEREST_IDS", "Interest IDs", Kind.INTEREST_LIST, Section.LISTS)

STORED_FIELDS: tuple[Field, ...] = (
    _text("MEMBER_ID", "Member ID", Section.KEYS, 100),
    Field("PRIMARY_EMAIL", "Primary email", Kind.EMAIL, Section.KEYS, 255),
    _text("TITLE", "Title", Section.NAME, 50),
    _text("FIRST_NAME", "First name", Section.NAME, 50),
    _text("MIDDLE_NAME", "Middle name", Section.NAME, 50),
    _text("LAST_NAME", "Last name", Section.NAME, 50),
    _text("SUFFIX", "Suffix", Section.NAME, 50),
    _text("PROF_SUFFIX", "Professional suffix", Section.NAME, 50),
    _text("NICKNAME", "Nickname", Section.NAME, 50),
    _text("FORMAL_SALUTATION", "Formal salutation", Section.NAME, 255),
    _text("CASUAL_SALUTATION", "Casual salutation", Section.NAME, 255),
    _text("USER_NAME", "User name", Section.NAME, 255),
    *_addresses(),
    _text("HOME_PHONE", "Home phone", Section.PHONES, 50),
    _text("WORK_PHONE", "Work phone", Section.PHONES, 50),
    _text("MOBILE_PHONE", "Mobile phone", Section.PHONES, 50),
    _text("FAX_PHONE", "Fax", Section.PHONES, 50),
    Field("PREFERRED_PHONE", "Preferred phone", Kind.CHOICE, Section.PHONES, choices=PHONE_CHOICES),
    Field("BIRTH_DATE", "Birth date", Kind.DATE, Section.PERSONAL),
    _text("GENDER", "Gender", Section.PERSONAL, 50),
    _text("MARITAL_STATUS", "Marital status", Section.PERSONAL, 50),
    _text("EMPLOYER", "Employer", Section.PERSONAL, 100),
    _text("OCCUPATION", "Occupation", Section.PERSONAL, 100),
    _text("POSITION", "Position", Section.PERSONAL, 64),
    _text("DONOR_STATUS", "Donor status", Section.PERSONAL, 50),
    Field("MATCHED_DONOR", "Matched donor", Kind.YES_NO, Section.PERSONAL),
    Field("ACCEPTS_EMAIL", "Accepts email", Kind.YES_NO, Section.CHOICES),
    Field("ACCEPTS_POSTAL_MAIL", "Accepts postal mail", Kind.YES_NO, Section.CHOICES),
    Field("EMAIL_STATUS", "Email status", Kind.CHOICE, Section.CHOICES, choices=EMAIL_STATUSES),
    _text("SOURCE", "Origin source", Section.ORIGIN, 255),
    _text("SUB_SOURCE", "Origin sub-source", Section.ORIGIN, 255),
)
"""The fields kept as columns of a constituent, in the order of templates and profiles."""

EXT_GROUP_ID = Field("EXT_GROUP_ID", "Group ID", Kind.GROUP_CODE, Section.LISTS)
GROUP_NAME = Field("GROUP_NAME", "Group name", Kind.GROUP_NAME, Section.LISTS, 255)
EXT_INTEREST_ID = Field("EXT_INTEREST_ID", "Interest ID", Kind.INTEREST_CODE, Section.LISTS)
INTEREST_NAME = Field("INTEREST_NAME", "Interest name", Kind.INTEREST_NAME, Section.LISTS, 255)
OPT_IN = Field("OPT_IN", "Opted in", Kind.YES_NO, Section.LISTS)

PURPOSE_KINDS = (Kind.CAMPAIGN, Kind.DONATION_FORM, Kind.DESIGNATION, Kind.EVENT)
"""What a gift is for: each is a number here, a name here, or a cross-referenced value."""

TRANSACTION_FIELDS: tuple[Field, ...] = (
    _text("TRANSACTION_ID", "Transaction ID", Section.GIFT, 100),
    Field(
        "TRANSACTION_TYPE",
        "Type",
        Kind.CHOICE,
        Section.GIFT,
        choices=tuple(map(str, UPLOADED_TYPES)),
    ),
    Field("AMOUNT", "Amount", Kind.AMOUNT, Section.GIFT),
    Field("CURRENCY", "Currency", Kind.CURRENCY, Section.GIFT),
    Field("TAX_DEDUCTIBLE", "Tax deductible", Kind.AMOUNT, Section.GIFT),
    Field("PAYMENT_DATE", "Payment date", Kind.DATE, Section.GIFT),
    Field("TENDER_TYPE", "Paid by", Kind.CHOICE, Section.GIFT, choices=tuple(map(str, TenderType))),
    _text("CHECK_NUMBER", "Check number", Section.GIFT, 50),
    _text("CONFIRMATION_CODE", "Confirmation code", Section.GIFT, 100),
    _text("SETTLEMENT_BATCH", "Settlement batch", Section.GIFT, 100),
    Field("CAMPAIGN", "Campaign", Kind.CAMPAIGN, Section.GIFT),
    Field("FORM", "Form", Kind.DONATION_FORM, Section.GIFT),
    Field("DESIGNATION", "Designation", Kind.DESIGNATION, Section.GIFT),
    Field("EVENT", "Event", Kind.EVENT, Section.GIFT),
    _text("SOURCE", "Origin source", Section.GIFT, 255),
    _text("SUB_SOURCE", "Origin sub-source", Section.GIFT, 255),
    _text("RECURRING_OF", "Recurring payment of", Section.GIFT, 100),
    _text("REFUND_OF", "Refund of", Section.GIFT, 100),
    Field("TRIBUTE_TYPE", "Tribute", Kind.CHOICE, Section.GIFT, choices=tuple(TRIBUTE_LABELS)),
    _text("TRIBUTE_NAME", "Tribute name", Section.GIFT, 255),
    _text("RECEIPT_NUMBER", "Receipt number", Section.GIFT, 100),
)
"""What a file may say of an offline gift (DOMAIN: Column names, Transactions)."""

SENT_AS = Field("SENT_AS", "Sent as", Kind.TEXT, Section.STATE)
"""Whether a transaction is new to whoever gets the file, or an update of one it has."""

_BY_COLUMN = {field.column: field for field in (CONS_ID, *STORED_FIELDS, *TRANSACTION_FIELDS)}
TRANSACTION_DOWNLOAD_FIELDS: tuple[Field, ...] = (
    *(
        _BY_COLUMN[name]
        for name in (
            "TRANSACTION_ID", "TRANSACTION_TYPE", "CONS_ID", "MEMBER_ID", "FIRST_NAME",
            "LAST_NAME", "PRIMARY_EMAIL", "AMOUNT", "CURRENCY", "TAX_DEDUCTIBLE", "PAYMENT_DATE",
            "TENDER_TYPE",
        )
    ),
    Field("CREATION_METHOD", "Came in", Kind.TEXT, Section.GIFT),
    *(
        _BY_COLUMN[name]
        for name in (
            "CHECK_NUMBER", "CONFIRMATION_CODE", "SETTLEMENT_BATCH", "CAMPAIGN", "FORM",
            "DESIGNATION", "EVENT", "SOURCE", "SUB_SOURCE", "RECURRING_OF", "REFUND_OF",
            "TRIBUTE_TYPE", "TRIBUTE_NAME", "RECEIPT_NUMBER",
        )
    ),
    SENT_AS,
)  # fmt: skip
"""What the Transaction Information Download can tell, in DOMAIN's order."""

STANDARD_FIELDS: tuple[Field, ...] = (CONS_ID, *STORED_FIELDS, GROUP_IDS, INTEREST_IDS)
"""Every column of a Standard Constituent Import, custom fields aside."""

ACTIVE_STATUS = Field("ACTIVE_STATUS", "Active status", Kind.TEXT, Section.STATE)
ACTIVE_DETAIL = Field("ACTIVE_DETAIL", "Status detail", Kind.TEXT, Section.STATE)
CREATED_AT = Field("CREATED_AT", "Created", Kind.TIME, Section.STATE)
MODIFIED_AT = Field("MODIFIED_AT", "Modified", Kind.TIME, Section.STATE)
DOWNLOAD_ONLY_FIELDS = (ACTIVE_STATUS, ACTIVE_DETAIL, CREATED_AT, MODIFIED_AT)
"""What a download has and an upload passes over: nobody sets these by a file."""

KEY_COLUMNS = ("CONS_ID", "MEMBER_ID", "PRIMARY_EMAIL")

REJECT_ROW_COLUMN = "DATASYNC_ROW"
REJECT_REASON_COLUMN = "DATASYNC_REASON"
REPORT_COLUMNS = (REJECT_ROW_COLUMN, REJECT_REASON_COLUMN)
"""What a rejects file has beside the original columns; recognised and passed over on the way in."""

DOWNLOAD_COLUMN = "DATASYNC_DOWNLOAD"
"""By what a download that comes back as an upload is known (rules.guarding)."""

PASSED_OVER_COLUMNS = (
    *REPORT_COLUMNS,
    DOWNLOAD_COLUMN,
    *(field.column for field in DOWNLOAD_ONLY_FIELDS),
)
"""Columns of our own files that say nothing on the way in."""

OPT_OUT_FIELDS = ("ACCEPTS_EMAIL", "ACCEPTS_POSTAL_MAIL")
"""Choices a person made: No becomes Yes only by an explicit, logged choice (promise 7)."""


def address_block(prefix: str) -> tuple[str, ...]:
    """The eight attributes of one address; it is replaced as one (DOMAIN: the address)."""
    return tuple(f"{prefix}_{part}".lower() for part, _, _ in _ADDRESS_PARTS)


def custom_field(
    key: str, label: str, kind: Kind, *, max_length: int | None = None, choices: Iterable[str] = ()
) -> Field:
    """The column of a field an administrator defined: `CUSTOM_` and its key."""
    return Field("CUSTOM_" + key.upper(), label, kind, Section.CUSTOM, max_length, tuple(choices))
