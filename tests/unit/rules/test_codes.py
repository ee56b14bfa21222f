"""GROUP_IDS and INTEREST_IDS cells."""

from __future__ import annotations

import pytest

from webapp.rules.codes import CodeReader, Codes
from webapp.rules.faults import FaultCode
from webapp.rules.fields import GROUP_IDS, INTEREST_IDS

GROUPS = Codes(
    "group",
    FaultCode.UNKNOWN_GROUP,
    {"1": 1, "2": 2, "GOLD": 2, "12": 12},
    {"7": (FaultCode.OPT_GROUP, "which belongs to an interest. Use INTEREST_IDS.")},
)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("", None),
        ("  ", None),
        (",,", None),
        ("1", "{1}"),
        ("1,2", "{1,2}"),
        (" 2 , 1 ", "{2,1}"),
        ("1,1,1", "{1}"),
        ("2,GOLD", "{2}"),
        ("12", "{12}"),
    ],
)
def test_codes_become_an_array(cell: str, value: str | None) -> None:
    assert CodeReader(GROUP_IDS, GROUPS).read([cell]) == ([value], {})


@pytest.mark.parametrize(
    ("cell", "code", "value", "says"),
    [
        ("99", FaultCode.UNKNOWN_GROUP, "99", "group “99”, which does not exist"),
        ("1,99,98", FaultCode.UNKNOWN_GROUP, "99", "“99”"),
        ("1;2", FaultCode.UNKNOWN_GROUP, "1;2", "separate several with commas"),
        ("gold", FaultCode.UNKNOWN_GROUP, "gold", "“gold”"),
        ("01", FaultCode.UNKNOWN_GROUP, "01", "“01”"),
        ("7", FaultCode.OPT_GROUP, "7", "which belongs to an interest"),
        ("1,7", FaultCode.OPT_GROUP, "7", "“7”"),
    ],
)
def test_what_is_no_code(cell: str, code: FaultCode, value: str, says: str) -> None:
    values, faults = CodeReader(GROUP_IDS, GROUPS).read(["1", cell, "2"])
    assert values == ["{1}", None, "{2}"]
    assert list(faults) == [1]
    fault = faults[1]
    assert (fault.code, fault.column, fault.value) == (code, "GROUP_IDS", value)
    assert fault.message.startswith("GROUP_IDS names group ")
    assert says in fault.message


def test_an_unknown_interest_is_called_so() -> None:
    codes = Codes("interest", FaultCode.UNKNOWN_INTEREST, {"3": 3}, {})
    values, faults = CodeReader(INTEREST_IDS, codes).read(["3", "4"])
    assert values == ["{3}", None]
    assert faults[1].code is FaultCode.UNKNOWN_INTEREST
    assert "interest “4”" in faults[1].message


def test_what_was_read_before_is_read_alike() -> None:
    reader = CodeReader(GROUP_IDS, GROUPS)
    once = reader.read(["1,2", "99", "", "1,2", "99"])
    assert once == reader.read(["1,2", "99", "", "1,2", "99"])
    assert once[0] == ["{1,2}", None, None, "{1,2}", None]
    assert list(once[1]) == [1, 4]
