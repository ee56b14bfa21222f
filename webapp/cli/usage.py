"""Wrong usage, told where whoever asked will look: as JSON to who asked for JSON."""

from __future__ import annotations

import argparse
import json
import sys
from typing import NoReturn

WRONG_USAGE = 2


class WrongUsageError(Exception):
    """The command line can't be understood; `text` is what a terminal shows."""

    def __init__(self, sentence: str, text: str) -> None:
        super().__init__(sentence)
        self.text = text


class Parser(argparse.ArgumentParser):
    """A parser that leaves it to its caller how a mistake is told."""

    def error(self, message: str) -> NoReturn:
        """Instead of printing and leaving."""
        text = f"{self.format_usage()}{self.prog}: error: {message}\n"
        raise WrongUsageError(message, text)


def tell_wrong_usage(sentence: str, *, is_json: bool, text: str | None = None) -> int:
    """Say what is wrong; the exit code for it."""
    if is_json:
        print(json.dumps({"error": sentence}, ensure_ascii=False))
    else:
        sys.stderr.write(text or f"datasync: {sentence}\n")
    return WRONG_USAGE
