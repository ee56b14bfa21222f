"""Tables that come packed: read as they are unpacked; bombs, riddles and damage are refused."""

from __future__ import annotations

import gzip
import io
import random
import subprocess
import sys
import time
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from tests.unit.rules.reading.sources import Bytes, found, read_all, workbook
from webapp.rules.reading import (
    Choices,
    Examination,
    Limits,
    Refusal,
    UnreadableError,
    examine,
    read_records,
)
from webapp.rules.reading.packing import Unpacked

TABLE = "ID,NAME,CITY\r\n1,Zoë,Boston\r\n2,Ann,Austin\r\n".encode()
ROWS = [["1", "Zoë", "Boston"], ["2", "Ann", "Austin"]]
BOOK = workbook(
    '<row r="1"><c t="str"><v>A</v></c><c t="str"><v>B</v></c></row>'
    '<row r="2"><c><v>1</v></c><c><v>2</v></c></row>'
)


def zipped(parts: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def refused(data: bytes, *, choices: Choices = Choices()) -> Refusal:  # noqa: B008
    refusal = examine(Bytes(data, name="people.csv"), choices=choices)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.message.endswith(".")
    return refusal


def big_table(rows: int) -> bytes:
    rnd = random.Random(1)
    return b"ID,NAME,CITY\n" + b"".join(
        b"%d,%x,Boston\n" % (at, rnd.getrandbits(60)) for at in range(rows)
    )


@pytest.mark.parametrize(
    ("data", "packing", "member"),
    [
        (gzip.compress(TABLE), "gz", ""),
        (gzip.compress(TABLE[:20]) + gzip.compress(TABLE[20:]), "gz", ""),
        (gzip.compress(TABLE) + b"what came behind", "gz", ""),
        (zipped({"people.csv": TABLE}), "zip", "people.csv"),
        (zipped({"people.csv": TABLE}, method=zipfile.ZIP_STORED), "zip", "people.csv"),
        (
            zipped(
                {
                    "export/": b"",
                    "export/.DS_Store": b"\x00\x01Bud1",
                    "export/people.csv": TABLE,
                    "__MACOSX/export/._people.csv": b"a,b\n1,2\n",
                    "readme.txt": b"These are our people.\nAsk Ann about them.\n",
                    "logo.png": b"\x89PNG\r\n\x1a\n\x00\x00",
                }
            ),
            "zip",
            "export/people.csv",
        ),
    ],
)
def test_a_packed_table_is_read(data: bytes, packing: str, member: str) -> None:
    source = Bytes(data, name="whatever.bin")
    examination = found(source)
    assert (examination.dialect.packing, examination.dialect.member) == (packing, member)
    assert examination.columns == ("ID", "NAME", "CITY")
    assert not examination.must_choose
    assert all(note.endswith(".") for note in examination.notes)
    assert read_all(source).rows == ROWS
    assert read_all(source, start=1).rows == ROWS[1:]


@pytest.mark.parametrize(
    "data", [zipped({"book.xlsx": BOOK, "notes.txt": b"x\ny\n"}), gzip.compress(BOOK)]
)
def test_a_packed_workbook_is_read(data: bytes) -> None:
    examination = found(Bytes(data))
    assert examination.dialect.kind == "xlsx"
    assert read_all(Bytes(data)).rows == [["1", "2"]]


def test_a_packed_workbook_too_large_to_be_kept_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webapp.rules.reading.packing._MAX_SPOOLED", 1_000)
    assert refused(zipped({"book.xlsx": BOOK})).code == "archive_bomb"


def test_a_workbook_that_is_a_zip_itself_stays_one() -> None:
    assert found(Bytes(BOOK)).dialect.packing == ""


def test_of_several_tables_a_person_has_to_choose() -> None:
    source = Bytes(zipped({"a.csv": b"X,Y\n1,2\n", "b.csv": TABLE, "c.txt": b"only text\nhere\n"}))
    examination = found(source)
    assert examination.must_choose
    assert [sheet.name for sheet in examination.sheets] == ["a.csv", "b.csv", "c.txt"]
    assert examination.sheets[1].columns == ("ID", "NAME", "CITY")
    assert examination.sheets[1].rows == 2
    chosen = examine(source, choices=Choices(member="b.csv"))
    assert isinstance(chosen, Examination)
    assert not chosen.must_choose
    assert len(chosen.sheets) == 3
    assert [row for batch in read_records(source, chosen.dialect) for row in batch.rows] == ROWS


def test_a_file_that_is_not_in_the_zip_can_not_be_chosen() -> None:
    assert refused(zipped({"a.csv": TABLE}), choices=Choices(member="b")).code == "no_such_member"


def with_flag(data: bytes) -> bytes:
    at = data.index(b"PK\x01\x02")
    return data[: at + 8] + b"\x01" + data[at + 9 :]


TAR = b"people.csv".ljust(257, b"\x00") + b"ustar\x0000" + bytes(248) + TABLE.ljust(512, b"\x00")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (gzip.compress(gzip.compress(TABLE)), "archive"),
        (gzip.compress(zipped({"people.csv": TABLE})), "archive"),
        (gzip.compress(TAR), "archive"),
        (TAR, "archive"),
        (zipped({"people.zip": zipped({"people.csv": TABLE})}), "archive"),
        (zipped({"people.csv.gz": gzip.compress(TABLE), "readme": b""}), "archive"),
        (zipped({"a.7z": b"7z\xbc\xaf\x27\x1c\x00"}), "archive"),
        (zipped({"people.csv": TABLE}, method=zipfile.ZIP_BZIP2), "archive"),
        (zipped({"people.csv": TABLE}, method=zipfile.ZIP_LZMA), "archive"),
        (with_flag(zipped({"people.csv": TABLE})), "encrypted"),
        (zipped({"a.png": b"\x89PNG\r\n\x1a\n\x00", "b.pdf": b"%PDF-1.7\n"}), "no_table"),
        (zipped({"a.csv": b"A,B\n"}), "no_rows"),
        (zipped({"folder/": b""}), "no_table"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(TABLE)[:-9], "damaged_archive"),
        (gzip.compress(TABLE)[:12], "damaged_archive"),
        (gzip.compress(TABLE)[:-8] + bytes(8), "damaged_archive"),
        (b"\x1f\x8b\x08\x00abc", "damaged_archive"),
        (zipped({"people.csv": TABLE})[:-30], "damaged_archive"),
        (zipped({"people.csv": TABLE})[:60], "damaged_archive"),
        (zipped({"../people.csv": TABLE}), "unsafe_archive"),
        (zipped({f"{at}": b"x" for at in range(10_001)}), "archive_bomb"),
    ],
)
def test_what_has_no_table_to_unpack_is_refused(data: bytes, code: str) -> None:
    assert refused(data).code == code


def test_damage_in_the_middle_of_a_zip_is_a_sentence() -> None:
    data = bytearray(zipped({"people.csv": big_table(20_000)}))
    data[len(data) // 2] ^= 0x55
    source = Bytes(bytes(data))
    examination = examine(source)
    if isinstance(examination, Refusal):
        assert examination.code == "damaged_archive"
        return
    with pytest.raises(UnreadableError) as caught:
        for _ in read_records(source, examination.dialect):
            pass
    assert caught.value.refusal.code == "damaged_archive"


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped({"people.csv": data})])
def test_large_packed_tables_are_read_whole(pack) -> None:  # type: ignore[no-untyped-def]
    plain = big_table(60_000)
    source = Bytes(pack(plain))
    batch = read_all(source)
    assert len(batch) == 60_000
    assert batch.rows == read_all(Bytes(plain)).rows


def test_a_packed_source_reads_backwards_too() -> None:
    plain = big_table(20_000)
    for source in (
        Unpacked(Bytes(gzip.compress(plain)), "gz", "", Limits()),
        Unpacked(Bytes(zipped({"x": plain})), "zip", "x", Limits()),
    ):
        with source.open() as file:
            assert file.read(10) == plain[:10]
            file.seek(100_000)
            assert file.read(10) == plain[100_000:100_010]
            file.seek(50)
            assert file.read(10) == plain[50:60]
            assert file.seek(0, io.SEEK_END) == len(plain)
            assert file.read(10) == b""
            file.seek(-5, io.SEEK_END)
            assert file.read() == plain[-5:]


def test_what_unpacks_to_far_too_much_is_refused() -> None:
    plain = b"A,B\n" + b"1,2\n" * 20_000_000
    for data in (gzip.compress(plain), zipped({"people.csv": plain})):
        assert refused(data).code == "archive_bomb"
    small = Limits(max_unpacked=1_000)
    for data in (gzip.compress(TABLE * 100), zipped({"people.csv": TABLE * 100})):
        refusal = examine(Bytes(data), limits=small)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "archive_bomb"


MEASURED = """
import io, time, zlib
from tests.unit.rules.reading.sources import Repeated
from webapp.rules.reading import examine

# Ten gigabytes, packed: the same packed megabytes again and again.
packer = zlib.compressobj(9, wbits=31)
unit = b"1,2\\n" * 250_000
head = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
body = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
source = Repeated(head, body, len(head) + len(body) * 10_000)
result = examine(source)
status = open("/proc/self/status").read()
megabytes = int(status.partition("VmHWM:")[2].split()[0]) // 1024
print(result.code, megabytes, time.process_time())
"""


def test_a_bomb_costs_little_time_and_memory() -> None:
    result = subprocess.run(
        [sys.executable, "-c", MEASURED],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    code, megabytes, seconds = result.stdout.split()
    assert code == "archive_bomb"
    assert int(megabytes) < 150
    assert float(seconds) < 10


def test_a_gz_of_countless_blank_parts_is_refused() -> None:
    started = time.process_time()
    assert refused(gzip.compress(b"", mtime=0) * 600_000).code == "archive_bomb"
    assert time.process_time() - started < 20


@pytest.mark.parametrize("seed", range(60))
def test_damaged_archives_never_raise_anything_else(seed: int) -> None:
    rnd = random.Random(seed)
    deflated = zlib.compressobj(9, wbits=31)
    whole = rnd.choice(
        [
            zipped({"a.csv": TABLE * 20, "b.csv": TABLE}),
            gzip.compress(TABLE * 50),
            deflated.compress(TABLE) + deflated.flush(),
            zipped({"book.xlsx": BOOK}),
        ]
    )
    data = bytearray(whole[: rnd.randrange(10, len(whole) + 1)])
    for _ in range(rnd.randrange(6)):
        data[rnd.randrange(2, len(data))] = rnd.randrange(256)
    source = Bytes(bytes(data))
    examination = examine(source)
    if isinstance(examination, Examination):
        with suppress(UnreadableError):
            for _ in read_records(source, examination.dialect):
                pass
