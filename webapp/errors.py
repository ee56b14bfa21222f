"""The one base of errors that a service raises for a view, a command or a job to answer."""

from __future__ import annotations


class DataSyncError(Exception):
    """Something that cannot be done as asked: a code for programs, a sentence for people, and the
    form field it belongs to, if any."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
