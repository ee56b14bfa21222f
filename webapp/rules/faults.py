"""Faults in data, as values: what is wrong with a row, in a sentence that says what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class FaultCode(StrEnum):
    """Every way a row can be rejected or held back. The text is stored; never rename one."""

    NO_KEY = "no_key"
    TOO_LONG = "too_long"
    NOT_A_NUMBER = "not_a_number"
    NOT_AN_EMAIL = "not_an_email"
    NOT_A_DATE = "not_a_date"
    DATE_OUT_OF_RANGE = "date_out_of_range"
    NOT_YES_NO = "not_yes_no"
    NOT_A_CHOICE = "not_a_choice"
    CONTROL_CHARACTER = "control_character"
    IRREGULAR_ROW = "irregular_row"
    UNMAPPED_VALUE = "unmapped_value"
    UNKNOWN_GROUP = "unknown_group"
    UNKNOWN_INTEREST = "unknown_interest"
    OTHER_CENTER_GROUP = "other_center_group"
    OPT_GROUP = "opt_group"
    CONS_ID_UNKNOWN = "cons_id_unknown"
    REMOVED = "removed"
    SEVERAL_MEMBER_ID = "several_member_id"
    SEVERAL_EMAIL = "several_email"
    EMAIL_TAKEN = "email_taken"
    EMAIL_UNREACHABLE = "email_unreachable"
    MEMBER_ID_TAKEN = "member_id_taken"
    OTHER_CENTER = "other_center"
    PERSON_NOT_FOUND = "person_not_found"
    MISSING_VALUE = "missing_value"
    SEVERAL_OF_NAME = "several_of_name"
    UNKNOWN_ONLINE_VALUE = "unknown_online_value"
    UNKNOWN_CENTER = "unknown_center"
    BAD_CROSS_REFERENCE = "bad_cross_reference"
    FOREIGN_VALUE_TAKEN = "foreign_value_taken"
    REPEATED_ENTRY = "repeated_entry"
    SENT_BACK_TWICE = "sent_back_twice"
    OTHERS_ENTRY = "others_entry"
    AMOUNT_MISFIT = "amount_misfit"
    REPEATED_TRANSACTION = "repeated_transaction"
    TRANSACTION_TAKEN = "transaction_taken"
    TRANSACTION_ONLINE = "transaction_online"
    UNKNOWN_TRANSACTION = "unknown_transaction"
    CHANGED_SINCE_PREVIEW = "changed_since_preview"
    LEFT_OUT = "left_out"
    CHANGED_SINCE_RUN = "changed_since_run"
    TAKEN_SINCE_RUN = "taken_since_run"


FAULT_TITLES: dict[FaultCode, str] = {
    FaultCode.NO_KEY: "No key: CONS_ID, MEMBER_ID and PRIMARY_EMAIL are all blank",
    FaultCode.TOO_LONG: "Value too long",
    FaultCode.NOT_A_NUMBER: "Not a number",
    FaultCode.NOT_AN_EMAIL: "Not an email address",
    FaultCode.NOT_A_DATE: "Not a date",
    FaultCode.DATE_OUT_OF_RANGE: "Date that cannot be",
    FaultCode.NOT_YES_NO: "Neither yes nor no",
    FaultCode.NOT_A_CHOICE: "Not one of the choices",
    FaultCode.CONTROL_CHARACTER: "Invisible control character",
    FaultCode.IRREGULAR_ROW: "Row that cannot be read",
    FaultCode.UNMAPPED_VALUE: "Value without a cross-reference",
    FaultCode.UNKNOWN_GROUP: "Unknown group",
    FaultCode.UNKNOWN_INTEREST: "Unknown interest",
    FaultCode.OTHER_CENTER_GROUP: "Group of another center",
    FaultCode.OPT_GROUP: "Opt-in or opt-out group of an interest",
    FaultCode.CONS_ID_UNKNOWN: "CONS_ID not found",
    FaultCode.REMOVED: "Matches a removed record",
    FaultCode.SEVERAL_MEMBER_ID: "MEMBER_ID matches several records",
    FaultCode.SEVERAL_EMAIL: "PRIMARY_EMAIL matches several records",
    FaultCode.EMAIL_TAKEN: "Email belongs to another record",
    FaultCode.EMAIL_UNREACHABLE: "Email belongs to someone who does not accept email",
    FaultCode.MEMBER_ID_TAKEN: "MEMBER_ID belongs to another record",
    FaultCode.OTHER_CENTER: "Record outside your center",
    FaultCode.PERSON_NOT_FOUND: "Nobody has this key",
    FaultCode.MISSING_VALUE: "Value missing",
    FaultCode.SEVERAL_OF_NAME: "Name that several have",
    FaultCode.UNKNOWN_ONLINE_VALUE: "Online value that is not there",
    FaultCode.UNKNOWN_CENTER: "Center that is not there, or not yours",
    FaultCode.BAD_CROSS_REFERENCE: "Foreign value that can’t be one",
    FaultCode.FOREIGN_VALUE_TAKEN: "Foreign value that has another entry at that time",
    FaultCode.REPEATED_ENTRY: "Foreign value twice in the file",
    FaultCode.SENT_BACK_TWICE: "Two foreign values to send back for one of ours",
    FaultCode.OTHERS_ENTRY: "Entry that belongs to everybody",
    FaultCode.AMOUNT_MISFIT: "Amount that cannot be",
    FaultCode.REPEATED_TRANSACTION: "TRANSACTION_ID twice in the file",
    FaultCode.TRANSACTION_TAKEN: "TRANSACTION_ID of somebody else's gift",
    FaultCode.TRANSACTION_ONLINE: "TRANSACTION_ID of an online transaction",
    FaultCode.UNKNOWN_TRANSACTION: "Transaction it belongs to not found",
    FaultCode.CHANGED_SINCE_PREVIEW: "Changed since the preview",
    FaultCode.LEFT_OUT: "Left out by a person",
    FaultCode.CHANGED_SINCE_RUN: "Changed since the run, so the undo keeps it",
    FaultCode.TAKEN_SINCE_RUN: "Old value taken by another record, so the undo keeps the new one",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one cell (or, with `column` blank, with the whole row)."""

    code: FaultCode
    column: str
    value: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """The stored form, a JSON object with the same four names."""
        return {
            "code": str(self.code),
            "column": self.column,
            "value": self.value[:200],
            "message": self.message,
        }


def faults_json(faults: Iterable[Fault]) -> str:
    """The stored form of a row's faults: a JSON array, in the order they were found."""
    return json.dumps([fault.as_dict() for fault in faults], ensure_ascii=False)
