"""What the files of each kind of operation are made of: their columns, and which they need."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.rules.columns import NEEDS_KEY, Need
from webapp.rules.fields import (
    CONS_ID,
    DOWNLOAD_ONLY_FIELDS,
    EXT_GROUP_ID,
    EXT_INTEREST_ID,
    GROUP_NAME,
    INTEREST_NAME,
    OPT_IN,
    STANDARD_FIELDS,
    STORED_FIELDS,
    TRANSACTION_DOWNLOAD_FIELDS,
    TRANSACTION_FIELDS,
    Field,
    Kind,
)

STANDARD_IMPORT = "standard_constituent_import"
GROUP_UPLOAD = "group_assignment_upload"
SEGMENTATION = "segmentation_upload"
CROSSREF_UPLOAD = "cross_reference_upload"
TRANSACTION_UPLOAD = "transaction_upload"
CONSTITUENT_DOWNLOAD = "constituent_data_download"
TRANSACTION_DOWNLOAD = "transaction_information_download"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The columns of one kind of file; `sheet` names its rows in a workbook. An upload that does
    not write constituents finds people by the same keys and never makes any. `creates` is what its
    rows can make, blank for nothing that is counted. The columns of cross-references depend on
    their type (`webapp.rules.entry_files`), so that catalogue has none of its own."""

    kind: str
    fields: tuple[Field, ...]
    needs: tuple[Need, ...]
    sheet: str
    takes_custom_fields: bool = False
    writes_constituents: bool = False
    creates: str = ""
    for_administrators: bool = False
    is_download: bool = False

    @property
    def has_dates(self) -> bool:
        """Whether a date can be in a file, so that their order has to be known."""
        if self.is_of_entries:
            return True
        return not self.is_download and any(field.kind is Kind.DATE for field in self.fields)

    @property
    def is_of_entries(self) -> bool:
        """Whether its rows are the cross-references of one type, and not about people."""
        return self.kind == CROSSREF_UPLOAD


_MEMBER_ID, _EMAIL = STORED_FIELDS[:2]
_NAMES = tuple(field for field in STORED_FIELDS if field.column in ("FIRST_NAME", "LAST_NAME"))
_KEYS = (CONS_ID, _MEMBER_ID, _EMAIL)

CATALOGUES: dict[str, Catalogue] = {
    catalogue.kind: catalogue
    for catalogue in (
        Catalogue(
            STANDARD_IMPORT,
            STANDARD_FIELDS,
            (NEEDS_KEY,),
            "Constituents",
            takes_custom_fields=True,
            writes_constituents=True,
            creates="constituent",
        ),
        Catalogue(CROSSREF_UPLOAD, (), (), "Cross-references", creates="cross-reference"),
        Catalogue(
            GROUP_UPLOAD,
            (*_KEYS, EXT_GROUP_ID, GROUP_NAME),
            (NEEDS_KEY, Need((EXT_GROUP_ID.column, GROUP_NAME.column), "to tell which group")),
            "Group members",
        ),
        Catalogue(
            SEGMENTATION,
            (*_KEYS, EXT_INTEREST_ID, INTEREST_NAME, OPT_IN),
            (
                NEEDS_KEY,
                Need((EXT_INTEREST_ID.column, INTEREST_NAME.column), "to tell which interest"),
                Need((OPT_IN.column,), "to tell who opts in and who out"),
            ),
            "Interests",
        ),
        Catalogue(
            TRANSACTION_UPLOAD,
            (*_KEYS, *_NAMES, *TRANSACTION_FIELDS),
            (
                NEEDS_KEY,
                Need(("TRANSACTION_ID",), "to tell one gift from another"),
                Need(("AMOUNT",), "to tell how much was given"),
                Need(("PAYMENT_DATE",), "to tell when it was given"),
                Need(("TENDER_TYPE",), "to tell how it was paid"),
            ),
            "Gifts",
            creates="transaction",
            for_administrators=True,
        ),
        Catalogue(
            CONSTITUENT_DOWNLOAD,
            (*STANDARD_FIELDS, *DOWNLOAD_ONLY_FIELDS),
            (),
            "Constituents",
            takes_custom_fields=True,
            is_download=True,
        ),
        Catalogue(
            TRANSACTION_DOWNLOAD,
            TRANSACTION_DOWNLOAD_FIELDS,
            (),
            "Transactions",
            is_download=True,
        ),
    )
}


def catalogue_of(kind: str) -> Catalogue:
    """The catalogue of a kind of operation."""
    return CATALOGUES[kind]
