"""Reading any file that staff upload: what is in it, its rows, or why it can't be read."""

from webapp.rules.reading.encodings import ENCODING_LABELS
from webapp.rules.reading.examine import examine, read_records
from webapp.rules.reading.tables import (
    DELIMITER_NAMES,
    Batch,
    Choices,
    ColumnFound,
    Dialect,
    EncodingReading,
    Examination,
    Irregular,
    Limits,
    Outside,
    OutsideKind,
    Refusal,
    SheetFound,
    Source,
    UnreadableError,
)

__all__ = [
    "DELIMITER_NAMES",
    "ENCODING_LABELS",
    "Batch",
    "Choices",
    "ColumnFound",
    "Dialect",
    "EncodingReading",
    "Examination",
    "Irregular",
    "Limits",
    "Outside",
    "OutsideKind",
    "Refusal",
    "SheetFound",
    "Source",
    "UnreadableError",
    "examine",
    "read_records",
]
