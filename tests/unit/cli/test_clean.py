"""`datasync clean`: the table found, as CSV that any program reads, and nothing lost silently."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from webapp.cli import main
from webapp.cli.table_files import choose_targets


def told(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """The exit code and the one JSON object of `clean --json`, which says nothing else."""
    code = main(["clean", *map(str, arguments), "--json"])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    return code, json.loads(captured.out)


def write(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """These files, in this order."""
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def test_the_table_is_written_as_utf_8_with_commas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = write(
        tmp_path,
        {"donors.txt": 'Name;Town\r\n"Núñez; Inés";Málaga\r\nZoë;"A ""B"""\r\n'.encode("cp1252")},
    )
    code, found = told([path, "--out", tmp_path / "clean.csv"], capsys)
    assert code == 0
    assert (tmp_path / "clean.csv").read_bytes() == (
        'Name,Town\r\nNúñez; Inés,Málaga\r\nZoë,"A ""B"""\r\n'.encode()
    )
    assert found["failed"] == 0
    [file] = found["files"]
    assert (file["rows"], file["set_aside"], file["rejected"], file["failure"]) == (
        2,
        0,
        None,
        None,
    )
    assert sorted(item.name for item in tmp_path.iterdir()) == ["clean.csv", "donors.txt"]


def test_cells_are_written_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["=1+1", "a\r\nb"], [" blank ", "00123"], ["x\ny", '"'], ["", "1e5"], ["NULL", "é"]]
    path = tmp_path / "in.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["A", "B"], *rows])
    assert told([path, "--out", tmp_path / "out.csv"], capsys)[0] == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [["A", "B"], *rows]


BROKEN = b"A,B,C\n1,one,x\n2,two\n3,three,x,y,z\n4,four,x\n5,five,x\n"


def test_rows_set_aside_go_to_a_file_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = write(tmp_path, {"in.csv": BROKEN})
    code, found = told([path, "--out", tmp_path / "out.csv"], capsys)
    assert code == 0
    rejected = tmp_path / "out.rejected.csv"
    with rejected.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["ROW", "REASON", "RAW"]
    [file] = found["files"]
    assert file["rejected"] == str(rejected)
    assert file["set_aside"] == len(rows) > 0
    assert file["rows"] + file["set_aside"] == 5
    for number, reason, raw in rows:
        assert BROKEN.decode().splitlines()[int(number) - 1] == raw.rstrip("\r\n")
        assert reason.endswith(".")


def test_the_rows_set_aside_earlier_are_not_taken_for_todays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = write(tmp_path, {"in.csv": BROKEN})
    told([path, "--out", tmp_path / "out.csv"], capsys)
    assert (tmp_path / "out.rejected.csv").exists()
    path.write_bytes(b"A,B\n1,2\n")
    told([path, "--out", tmp_path / "out.csv"], capsys)
    assert not (tmp_path / "out.rejected.csv").exists()
    assert (tmp_path / "out.csv").read_bytes() == b"A,B\r\n1,2\r\n"


@pytest.mark.parametrize("data", [b"", b"\n \n\r\n", b"\xef\xbb\xbf"])
def test_a_file_with_nothing_in_it_gives_an_empty_file(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = write(tmp_path, {"in.csv": data})
    assert main(["clean", str(path), "--out", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_bytes() == b""
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "in.csv" in captured.err


def test_a_mere_header_gives_the_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [path] = write(tmp_path, {"in.csv": b"MEMBER_ID;LAST_NAME;HOME_ZIP\n"})
    assert told([path, "--out", tmp_path / "out.csv"], capsys)[0] == 0
    assert (tmp_path / "out.csv").read_bytes() == b"MEMBER_ID,LAST_NAME,HOME_ZIP\r\n"


def test_one_that_cant_be_read_does_not_keep_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write(
        tmp_path,
        {
            "a.csv": b"A,B\n1,2\n",
            "scan.csv": b"%PDF-1.7\n" + bytes(range(256)),
            "z.txt": b"A\tB\n1\t2\n",
        },
    )
    out = tmp_path / "out"
    arguments = ["clean", *map(str, files), str(tmp_path / "gone.csv"), "--out-dir", str(out)]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["a.csv", "z.csv"]
    wrong = captured.err.splitlines()
    assert len(wrong) == 2
    assert "scan.csv" in wrong[0]
    assert "PDF" in wrong[0]
    assert "gone.csv" in wrong[1]
    assert captured.out.count("\n") == 2


def test_many_files_in_one_folder_never_take_each_others_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write(tmp_path, {"x.csv": b"A,B\n1,2\n", "x.txt": b"A,B\n3,4\n"})
    files += write(tmp_path / "b", {"x.txt": b"A,B\n5,6\n", "x.rejected.csv": b"A,B\n7,8\n"})
    out = tmp_path / "out"
    code, found = told([*files, "--out-dir", out], capsys)
    assert code == 0
    written = {
        Path(file["out"]).name: Path(file["out"]).read_bytes()[-5:-2] for file in found["files"]
    }
    assert written == {
        "x.csv": b"1,2",
        "x.txt.csv": b"3,4",
        "x.txt-2.csv": b"5,6",
        "x.rejected.csv.csv": b"7,8",
    }
    assert [bool(file["notes"]) for file in found["files"]] == [False, True, True, True]


def test_names_are_chosen_in_no_time_for_thousands_of_files() -> None:
    paths = [Path(f"folder/file{number}.csv") for number in range(3000)]
    targets = choose_targets(paths, None, Path("out"))
    assert [target.table.name for target in targets] == [path.name for path in paths]


@pytest.mark.parametrize(
    "arguments",
    [
        ["{in}"],
        ["--out", "{out}"],
        ["{in}", "{in}", "--out", "{out}"],
        ["{in}", "--out", "{in}"],
        ["{in}", "--out-dir", "{folder}"],
        ["{in}", "--out", "{folder}"],
        ["{in}", "--out-dir", "{in}"],
        ["{in}", "--out", "{out}", "--out-dir", "{folder}"],
        ["{in}", "--out", "{out}", "--encoding", "klingon"],
        ["{in}", "--out", "{out}", "--delimiter", ""],
        ["{in}", "--out", "{out}", "--repair", "everything"],
    ],
)
def test_wrong_usage_is_two_and_writes_nothing(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = write(tmp_path, {"in.csv": b"A,B\n1,2\n"})
    names = {"in": path, "out": tmp_path / "out.csv", "folder": tmp_path}
    given = [
        argument.format_map({key: str(value) for key, value in names.items()})
        for argument in arguments
    ]
    try:
        code = main(["clean", *given])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    assert code == 2
    assert capsys.readouterr().err
    assert path.read_bytes() == b"A,B\n1,2\n"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_stays_when_the_file_cant_be_read_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = b"".join(b"%d,x\n" % number for number in range(300_000))
    [path] = write(tmp_path, {"in.csv": b"A,B\n" + rows + b'1,"' + b"y" * 1_100_000 + b'"\n'})
    before = tmp_path / "out.csv"
    before.write_bytes(b"yesterday")
    code, found = told([path, "--out", before], capsys)
    assert code == 1
    assert found["files"][0]["failure"].endswith(".")
    assert found["files"][0]["out"] is None
    assert before.read_bytes() == b"yesterday"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_what_a_person_says_is_taken_as_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = write(tmp_path, {"in.csv": b"A;B,C\n\x8e1;2,3\n4;5,6\n7;8,9\n"})
    arguments = [path, "--out", tmp_path / "out.csv", "--delimiter", "semicolon"]
    assert told([*arguments, "--encoding", "macroman"], capsys)[0] == 0
    assert (tmp_path / "out.csv").read_bytes().startswith('A,"B,C"\r\né1,"2,3"\r\n'.encode())
    assert told([path, "--out", tmp_path / "out.csv", "--delimiter", ","], capsys)[0] == 0
    assert (tmp_path / "out.csv").read_bytes().startswith(b"A;B,C\r\n")


def test_repairs_are_made_only_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [["CITY", "STATE", "ZIP"], ["Cambridge", "MA", "2139"], ["Austin", "TX", "78701"]]
    path = tmp_path / "in.csv"
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    arguments = [path, "--out", tmp_path / "out.csv"]
    assert told(arguments, capsys)[1]["files"][0]["repaired"] == []
    assert b",2139\r\n" in (tmp_path / "out.csv").read_bytes()
    for kinds in ("all", "mojibake,lost_zeros"):
        [file] = told([*arguments, "--repair", kinds], capsys)[1]["files"]
        assert file["repaired"] == [{"kind": "lost_zeros", "column": "ZIP", "cells": 1}]
        assert b",02139\r\n" in (tmp_path / "out.csv").read_bytes()
    assert told([*arguments, "--repair", "mojibake"], capsys)[1]["files"][0]["repaired"] == []


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    [path] = write(tmp_path, {"in.csv": b"A,B\n1,2\n"})
    program = (
        "import sys; from webapp.cli import main; "
        f"main(['clean', {str(path)!r}, '--out', {str(tmp_path / 'out.csv')!r}]); "
        "print(*{'flask', 'sqlalchemy', 'psycopg', 'redis', 'rq', 'rapidfuzz'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == ""
