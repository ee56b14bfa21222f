"""What ends a run in failure with a sentence a person can act on."""

from __future__ import annotations


class RunFailedError(Exception):
    """The run cannot go on; `sentence` says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
