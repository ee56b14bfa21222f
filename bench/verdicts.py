"""Whether a target was reached, in the report's word."""

from __future__ import annotations


def verdict(is_reached: bool) -> str:
    """The cell beside a target."""
    return "reached" if is_reached else "**missed**"
