"""Where somebody comes from who decides, maps or corrects something: the page they go back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from webapp.keys import read_key


@dataclass(frozen=True, slots=True)
class Origin:
    """A run's wizard, or a held-back list with its reason and page; or nothing of both."""

    run: int | None = None
    stream: int | None = None
    reason: str = ""
    behind: str = ""

    @classmethod
    def of_request(cls) -> Origin:
        """As the address or the form has it."""
        return cls(requested_key("run"), requested_key("stream"), _text("reason"), _text("behind"))

    @property
    def fields(self) -> dict[str, Any]:
        """What a form or an address has to hand on."""
        given: dict[str, int | str | None] = {
            "run": self.run,
            "stream": self.stream,
            "reason": self.reason or None,
            "behind": self.behind or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def label(self) -> str:
        """What the link back says; blank where there is none."""
        if self.run is not None:
            return "Back to the run"
        return "Back to the held-back list" if self.stream is not None else ""

    @property
    def url(self) -> str:
        """Where it leads; blank where somebody comes from nowhere."""
        if self.run is not None:
            return url_for("conflicts.show", run_id=self.run)
        if self.stream is None:
            return ""
        return url_for(
            "held_back.show",
            stream_id=self.stream,
            reason=self.reason or None,
            after=self.behind or None,
            _anchor="records-title" if self.reason or self.behind else None,
        )


def requested_key(name: str) -> int | None:
    """A key of the address or the form; None where there is none."""
    return read_key(request.values.get(name))


def _text(name: str) -> str:
    return request.values.get(name, "").replace("\x00", "")[:100]
