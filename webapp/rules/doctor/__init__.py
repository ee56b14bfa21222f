"""What spreadsheets do to data, found with its evidence, and repaired where a person accepts it."""

from webapp.rules.doctor.contract import (
    NO_KNOWLEDGE,
    Change,
    ColumnSeen,
    DamageKind,
    Example,
    Finding,
    Knowledge,
    Repair,
)
from webapp.rules.doctor.examining import Doctor
from webapp.rules.doctor.repairs import Repairs

__all__ = [
    "NO_KNOWLEDGE",
    "Change",
    "ColumnSeen",
    "DamageKind",
    "Doctor",
    "Example",
    "Finding",
    "Knowledge",
    "Repair",
    "Repairs",
]
