"""Filters of the lists of runs and of rows. They change nothing, so they are read from the URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flask_wtf import FlaskForm
from wtforms import SearchField, SelectField

from webapp.forms.base import no_nul, strip
from webapp.models import Operation
from webapp.services.results import OUTCOMES, ProblemCount, RowFilter
from webapp.services.run_lists import RunFilter

RUN_STATES = ("queued", "running", "success", "failure", "stale", "cancelled")
MAX_TEXT = 200


class FilterForm(FlaskForm):  # type: ignore[misc]
    """A form sent by GET: no token, and a value nobody offers counts as none."""

    class Meta:
        csrf = False

    def chosen(self, name: str) -> str:
        """The value of a choice if it is one of those offered, else blank."""
        field = self[name]
        return field.data if field.data in dict(field.choices) else ""


class RunsForm(FilterForm):
    """Which runs to list."""

    text = SearchField("Label, file or person", filters=[strip, no_nul])
    operation = SelectField("Operation", validate_choice=False)
    state = SelectField("State", validate_choice=False)

    def offer(self, operations: Iterable[Operation]) -> None:
        """Fill in the choices."""
        self.operation.choices = [("", "All operations")] + [
            (operation.slug, operation.title) for operation in operations
        ]
        self.state.choices = [("", "All states")] + [
            (state, state.capitalize()) for state in RUN_STATES
        ]

    def wanted(self) -> RunFilter:
        """What was asked for."""
        text = (self.text.data or "")[:MAX_TEXT]
        return RunFilter(self.chosen("state"), self.chosen("operation"), text)


class RowsForm(FilterForm):
    """Which rows of a run to list."""

    text = SearchField("Name, value or row number", filters=[strip, no_nul])
    outcome = SelectField("Outcome", validate_choice=False)
    problem = SelectField("Problem", validate_choice=False)

    def offer(self, counts: Mapping[str, int], problems: Iterable[ProblemCount]) -> None:
        """Fill in the choices, each with the number of its rows."""
        self.outcome.choices = [("", "All outcomes")] + [
            (name, f"{name.capitalize()} ({counts[name]:,})") for name in OUTCOMES
        ]
        self.problem.choices = [("", "All rows")] + [
            (problem.code, f"{problem.title} ({problem.rows:,})") for problem in problems
        ]

    def wanted(self) -> RowFilter:
        """What was asked for."""
        text = (self.text.data or "")[:MAX_TEXT]
        return RowFilter(self.chosen("outcome"), self.chosen("problem"), text)
