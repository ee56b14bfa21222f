"""What can keep the program from starting, as one sentence for the person at the terminal."""

from __future__ import annotations


class ServingError(Exception):
    """Starting or stopping failed; the message is a sentence that says what to do."""
