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
    Field,
)

STANDARD_IMPORT = "standard_constituent_import"
GROUP_UPLOAD = "group_assignment_upload"
SEGMENTATION = "segmentation_upload"
CROSSREF_UPLOAD = "cross_reference_upload"
CONSTITUENT_DOWNLOAD = "constituent_data_download"
TRANSACTION_DOWNLOAD = "transaction_information_download"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The columns of one kind of file; `sheet` names its rows in a workbook. An upload that does
    not write constituents finds people by the same keys and never makes any.

    `makes` is what a row can make (blank: nothing), in one word. The columns of cross-references
    depend on their type (`webapp.rules.entry_files`), so that catalogue has none of its own.
    """

    kind: str
    fields: tuple[Field, ...]
    needs: tuple[Need, ...]
    sheet: str
    takes_custom_fields: bool = False
    writes_constituents: bool = False
    makes: str = ""
    is_download: bool = False

    @property
    def has_dates(self) -> bool:
        """Whether a date can be in a file, so that their order has to be known."""
        return bool(self.makes)

    @property
    def is_of_entries(self) -> bool:
        """Whether its rows are the cross-references of one type, and not about people."""
        return self.kind == CROSSREF_UPLOAD


_MEMBER_ID, _EMAIL = STORED_FIELDS[:2]
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
            makes="constituent",
        ),
        Catalogue(CROSSREF_UPLOAD, (), (), "Cross-references", makes="entry"),
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
            CONSTITUENT_DOWNLOAD,
            (*STANDARD_FIELDS, *DOWNLOAD_ONLY_FIELDS),
            (),
            "Constituents",
            takes_custom_fields=True,
            is_download=True,
        ),
    )
}


def catalogue_of(kind: str) -> Catalogue:
    """The catalogue of a kind of operation."""
    return CATALOGUES[kind]
