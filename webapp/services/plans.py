"""What running a draft will do, in plain words: from the counts of its preview."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from webapp.models import Run
from webapp.rules.catalogues import SEGMENTATION, catalogue_of
from webapp.rules.money import written
from webapp.services.run_lists import Effect, Effects, list_sums


def describe_plan(run: Run, preview: Run, effects: Effects) -> list[str]:
    """Exactly what running will do."""
    kind = run.operation.kind
    writes_constituents = catalogue_of(kind).writes_constituents
    sentences = [_describe_first(run, preview)]
    if preview.unchanged:
        sentences.append(
            f"{_count(preview.unchanged, 'row')} "
            + _verb(
                preview.unchanged,
                "says what is already there, and changes nothing.",
                "say what is already there, and change nothing.",
            )
        )
    if run.options.get("opt_in_again"):
        by = run.options.get("opt_in_again_by", "a manager")
        sentences.append(f"Takes the file’s yes where a person had opted out, as {by} decided.")
    sentences += _describe_effects(effects)
    if writes_constituents:
        sentences.append("Makes this run’s New and Modified groups in the Data Sync folder.")
    if preview.rejected:
        sentences.append(
            f"{_count(preview.rejected, 'row')} "
            + _verb(preview.rejected, "is rejected and comes", "are rejected and come")
            + " back as a file with the reasons, to be corrected and uploaded again."
        )
    if preview.withheld:
        sentences.append(
            f"{_count(preview.withheld, 'row')} "
            + _verb(preview.withheld, "is withheld and does", "are withheld and do")
            + " nothing."
        )
    return sentences


def _describe_first(run: Run, preview: Run) -> str:
    catalogue = catalogue_of(run.operation.kind)
    if catalogue.writes_constituents:
        return _describe_records(preview)
    if catalogue.is_of_entries:
        return _describe_entries(preview)
    if catalogue.creates:
        return _describe_gifts(preview)
    return _describe(run.operation.kind, preview)


def _describe_entries(preview: Run) -> str:
    parts = []
    if preview.created:
        parts.append(f"adds {_count(preview.created, 'cross-reference')}")
    if preview.updated:
        parts.append(f"changes {_count(preview.updated, 'cross-reference')}")
    if not parts:
        return "Running changes no cross-reference."
    lost = int(preview.tallies.get("marks_lost", 0))
    more = ""
    if lost:
        more = f" {_count(lost, 'other one')} "
        more += _verb(lost, "is no longer the one", "are no longer the ones") + " to send back."
    return f"Running {' and '.join(parts)}, all at once or none.{more}"


def _describe_gifts(preview: Run) -> str:
    parts = []
    if preview.created:
        sums = " and ".join(
            written(each.given - each.refunded, each.currency) for each in list_sums(preview)
        )
        parts.append(f"adds {_count(preview.created, 'transaction')}, {sums} in all")
    if preview.updated:
        parts.append(f"corrects {_count(preview.updated, 'transaction')}")
    return f"Running {' and '.join(parts)}." if parts else "Running changes no transaction."


def _describe(kind: str, preview: Run) -> str:
    if not preview.updated:
        return "Running changes nobody’s " + ("interests." if kind == SEGMENTATION else "groups.")
    what = "choice" if kind == SEGMENTATION else "membership"
    verb = "changes" if kind == SEGMENTATION else "adds"
    return f"Running {verb} {_count(preview.updated, what)}. Nothing else of a person changes."


def _describe_effects(effects: Effects) -> Iterator[str]:
    for made, noun in ((effects.made_groups, "group"), (effects.made_interests, "interest")):
        if made:
            names = ", ".join(f"“{each.name}”" for each in made[:5])
            more = f" and {len(made) - 5:,} more" if len(made) > 5 else ""
            yield f"Makes {_count(len(made), f'new {noun}')}: {names}{more}."
    if effects.groups or effects.made_groups:
        groups = [*effects.groups, *effects.made_groups]
        yield _describe_memberships("Adds", "to", "group", groups)
    interests = [*effects.interests, *effects.made_interests]
    into = [each for each in interests if each.count]
    if into:
        yield _describe_memberships("Opts", "in to", "interest", into)
    out_of = [Effect(each.id, each.name, each.out) for each in interests if each.out]
    if out_of:
        yield _describe_memberships("Opts", "out of", "interest", out_of)


def _describe_records(preview: Run) -> str:
    parts = []
    if preview.created:
        parts.append(f"creates {_count(preview.created, 'constituent')}")
    if preview.updated:
        parts.append(f"updates existing constituents from {_count(preview.updated, 'row')}")
    return f"Running {' and '.join(parts)}." if parts else "Running changes no constituent."


def _describe_memberships(verb: str, towards: str, noun: str, effects: Sequence[Effect]) -> str:
    total = sum(effect.count for effect in effects)
    people = _verb(total, "person", "people")
    if len(effects) == 1:
        return f"{verb} {total:,} {people} {towards} the {noun} “{effects[0].name}”."
    if noun == "group":
        return f"{verb} {_count(total, 'membership')} {towards} {_count(len(effects), noun)}."
    return (
        f"{verb} people {towards} {_count(len(effects), noun)}, {_count(total, 'choice')} in all."
    )


def _verb(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def _count(count: int, one: str) -> str:
    return f"{count:,} {one if count == 1 else one + 's'}"
