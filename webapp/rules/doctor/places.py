"""States whose ZIPs begin with a zero, and which countries are the United States."""

from __future__ import annotations

import re

STATES: dict[str, str] = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California",
    "CO": "Colorado", "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia",
    "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois",
    "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana",
    "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York",
    "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon",
    "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota",
    "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia",
    "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
    "PR": "Puerto Rico", "VI": "Virgin Islands", "GU": "Guam", "AS": "American Samoa",
    "MP": "Northern Mariana Islands", "AE": "Armed Forces Europe", "AA": "Armed Forces Americas",
    "AP": "Armed Forces Pacific",
}  # fmt: skip

# The first three digits of the ZIPs of a state, as ranges. New York has two islands of its own.
_ZERO_RANGES: dict[str, tuple[tuple[int, int], ...]] = {
    "MA": ((10, 27), (55, 55)),
    "RI": ((28, 29),),
    "NH": ((30, 38),),
    "ME": ((39, 49),),
    "VT": ((50, 54), (56, 59)),
    "CT": ((60, 69),),
    "NJ": ((70, 89),),
    "AE": ((90, 98),),
    "NY": ((5, 5), (63, 63)),
    "PR": ((6, 7), (9, 9)),
    "VI": ((8, 8),),
}
ZERO_PREFIXES: dict[str, frozenset[str]] = {
    state: frozenset(f"{number:03d}" for low, high in ranges for number in range(low, high + 1))
    for state, ranges in _ZERO_RANGES.items()
}
"""State -> the first three digits of those of its ZIPs that begin with a zero."""

ASSIGNED_PREFIXES = frozenset().union(*ZERO_PREFIXES.values())

_BY_NAME = {name.upper(): code for code, name in STATES.items()} | {
    "MASS": "MA",
    "CONN": "CT",
    "US VIRGIN ISLANDS": "VI",
    "WASHINGTON DC": "DC",
}
_US = frozenset(
    {
        "US",
        "USA",
        "UNITED STATES",
        "UNITED STATES OF AMERICA",
        "THE UNITED STATES",
        "AMERICA",
        "U S",
        "U S A",
    }
)
_TERRITORIES = {"PR": "PR", "PUERTO RICO": "PR", "US VIRGIN ISLANDS": "VI", "PRI": "PR"}
_SPACES = re.compile(r"\s+")


def folded_place(text: str) -> str:
    """A place name as it is compared: upper case, without points and doubled blanks."""
    return _SPACES.sub(" ", text.replace(".", "").upper()).strip()


def state_code(text: str) -> str | None:
    """The two letters of a state written in any usual way; None for anything else."""
    word = folded_place(text)
    return word if word in STATES else _BY_NAME.get(word)


def is_united_states(country: str) -> bool:
    """Whether a country cell names the United States (blank does not)."""
    return folded_place(country) in _US


def territory_code(country: str) -> str | None:
    """The territory that is written where others write a country."""
    return _TERRITORIES.get(folded_place(country))
