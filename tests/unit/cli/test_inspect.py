"""`datasync inspect`: what is in a file, told without changing anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from webapp.cli import main

DONORS = (
    b"MEMBER_ID;LAST_NAME;HOME_CITY;HOME_STATEPROV;HOME_ZIP\r\n"
    b"1;N\xfa\xf1ez;Cambridge;MA;2139\r\n"
    b"2;Reed;Boston;MA;2134\r\n"
    b"3;Okafor;Newark;NJ;7102\r\n"
    b"4;Zo\xeb;Austin;TX\r\n"
    b"5;Lee;Denver;CO;80202\r\n"
    b"6;Ito;Chicago;IL;60601\r\n"
)


def inspect(
    path: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, dict[str, Any]]:
    """The exit code and the one JSON object of `inspect --json`."""
    code = main(["inspect", str(path), "--json", *options])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    return code, json.loads(captured.out)


@pytest.fixture
def donors(tmp_path: Path) -> Path:
    path = tmp_path / "donors.csv"
    path.write_bytes(DONORS)
    return path


def test_how_the_file_is_written_and_where_the_table_is(
    donors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = inspect(donors, capsys)
    assert code == 0
    assert told["failure"] is None
    assert (told["kind"], told["encoding"], told["delimiter"]) == ("csv", "windows-1252", ";")
    assert (told["quote"], told["escape"], told["line_ending"]) == ('"', "", "\r\n")
    assert told["header"]["row"] == told["header"]["rows"] == 1
    assert told["header"]["names"][1] == "LAST_NAME"
    assert told["table"] == {
        "first_row": 2, "last_row": 7, "rows": 6, "columns": 5, "is_complete": True
    }  # fmt: skip
    assert "Núñez" in str(told["encodings"][0]["examples"])
    assert [column["name"] for column in told["columns"]] == told["header"]["names"]


def test_irregular_rows_and_damage_are_counted_in_the_whole_file(
    donors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = inspect(donors, capsys)[1]
    irregular = told["irregular"]
    assert irregular["set_aside"] + irregular["recovered"] == 1
    [example] = irregular["examples"]
    assert example["row"] == 5
    assert example["message"].endswith(".")
    [damage] = told["damage"]
    assert (damage["kind"], damage["column"], damage["rows"]) == ("lost_zeros", "HOME_ZIP", 3)
    assert {"row": 2, "before": "2139", "after": "02139"}.items() <= damage["examples"][0].items()


def test_only_the_first_rows_are_looked_at_when_asked(
    donors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = inspect(donors, capsys, "--rows", "2")[1]
    assert told["table"]["rows"] == 2
    assert told["table"]["last_row"] == 3
    assert told["table"]["is_complete"] is False
    assert told["irregular"]["examples"] == []
    assert inspect(donors, capsys, "--rows", "6")[1]["table"]["is_complete"] is True


def test_what_a_person_says_is_taken_as_given(
    donors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = inspect(donors, capsys, "--encoding", "MacRoman")[1]
    assert told["encoding"] == "mac-roman"
    assert inspect(donors, capsys, "--delimiter", "pipe")[1]["delimiter"] == "|"


def test_a_file_without_a_table_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in {"empty.csv": b"", "scan.csv": b"%PDF-1.7\n" + bytes(range(256))}.items():
        (tmp_path / name).write_bytes(data)
        code, told = inspect(tmp_path / name, capsys)
        assert code == 1
        assert told["failure"].endswith(".")
        assert set(told) == {"file", "failure"}
    assert main(["inspect", str(tmp_path / "gone.csv")]) == 1
    captured = capsys.readouterr()
    assert "gone.csv" in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_person_reads_it_as_sentences(donors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(donors)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    for words in ("windows-1252", "semicolon", "6 rows × 5 columns", "HOME_ZIP", "2139 → 02139"):
        assert words in captured.out
    assert not any(sign < " " and sign != "\n" for sign in captured.out)


def test_a_terminal_is_safe_from_what_is_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"A\x1b[2J,B\n1\x1b]0;x\x07,2\n3,4\n")
    main(["inspect", str(path)])
    captured = capsys.readouterr()
    assert not any(sign < " " and sign != "\n" for sign in captured.out + captured.err)


def test_one_row_is_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.csv"
    path.write_text("MEMBER_ID,LAST_NAME\n1,Reed\n", encoding="utf-8")
    assert main(["inspect", str(path)]) == 0
    assert "1 row × 2 columns" in capsys.readouterr().out
    assert main(["clean", str(path), "--out", str(tmp_path / "out.csv")]) == 0
    assert ": 1 row → " in capsys.readouterr().out


def test_a_web_page_called_a_workbook_is_told_as_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"<tr><td>{at}</td><td>Zoë {at}</td><td>02139</td></tr>" for at in range(9))
    path = tmp_path / "donors.xls"
    path.write_bytes(
        f"<table><tr><th>ID</th><th>NAME</th><th>ZIP</th></tr>{rows}</table>".encode("cp1252")
    )
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "a web page (HTML), windows-1252, Table 1" in out
    assert "9 rows × 3 columns" in out
    code, told = inspect(path, capsys)
    assert (code, told["kind"], told["encoding"]) == (0, "workbook", "windows-1252")
    assert told["header"]["names"] == ["ID", "NAME", "ZIP"]
