"""The encoding is told from the file; where it can't be, the readings are there to choose from."""

from __future__ import annotations

import io
import random
import time
from typing import BinaryIO

import pytest

from tests.unit.rules.reading.sources import Bytes, found
from webapp.rules.reading import ENCODING_LABELS, Choices, Examination, examine
from webapp.rules.reading.encodings import find_encoding, known_encoding, make_decoder

# Names that the model of letters has not been shown.
WESTERN = (
    "Nuño Bermúdez Escárcega Ocón Leñero Muñiz Valdés Piña Zárate Cáceres Benítez Peñalver Cuéllar "
    "Arévalo Villaseñor Rubén Débora Efraín Moisés Thibault Désormeaux Bérénice Honoré Sévigné "
    "Pâquet Chênevert Châtillon Guérin Béchard Gélinas Fréchette Doucère Maël Kühn Bräuer Jörgens "
    "Häusler Düring Ströbel Röhrig Weißmann Höhn Fröhlich Leonídio Patrício Queirós Mação Bragança "
    "Poças Frazão Gusmão Corrêa Viçosa Bjørg Sørli Kvåle Håland Nygård Lønning Högberg Törnqvist"
)
CENTRAL = (
    "Kuśmierczyk Zięba Bączek Gałązka Pękała Wąsowicz Dębski Łapiński Szczęsny Krzyżanowski Ćwikła "
    "Sławomir Bartłomiej Šafařík Havlíček Bednář Žemlička Vlček Řezáč Tůma Pešek Hladík Šindelář "
    "Ševčík Zdeňka Jindřich Kateřina Gergő Zsófia Gombkötő Sütő Hegedűs Bíró Szöllősi Kőszegi Őze "
    "Mihaljević Krešimir Čedomir Šubašić Grčić Šestić Žitnik Škrlj Strnišić Bašić Ljubičić"
)


def table(names: list[str], *, end: str = "\r\n") -> str:
    lines = [f"{at},Mary,{name},Boston,€ 5" for at, name in enumerate(names, 1)]
    return end.join(["ID,FIRST,LAST,CITY,GIFT", *lines, ""])


def names_of(words: str, count: int, seed: int) -> list[str]:
    chosen = random.Random(seed).sample(
        [word for word in words.split() if not word.isascii()], count
    )
    return [word.upper() for word in chosen] if seed % 4 == 0 else chosen


@pytest.mark.parametrize(
    ("codec", "words", "encoding"),
    [
        ("utf-8", f"{WESTERN} {CENTRAL}", "utf-8"),
        ("utf-8-sig", f"{WESTERN} {CENTRAL}", "utf-8"),
        ("cp1252", WESTERN, "windows-1252"),
        ("iso8859-15", WESTERN, "iso-8859-15"),
        ("mac-roman", WESTERN, "mac-roman"),
        ("cp1250", CENTRAL, "windows-1250"),
        ("utf-16-le", f"{WESTERN} {CENTRAL}", "utf-16-le"),
        ("utf-16-be", f"{WESTERN} {CENTRAL}", "utf-16-be"),
        ("utf-16", f"{WESTERN} {CENTRAL}", "utf-16-le"),
        ("utf-32", f"{WESTERN} {CENTRAL}", "utf-32-le"),
    ],
)
def test_eight_names_are_enough_to_tell_the_encoding(codec: str, words: str, encoding: str) -> None:
    for seed in range(20):
        text = table(names_of(words, 8, seed))
        find = find_encoding(Bytes(text.encode(codec)))
        assert find.encoding == encoding, text
        assert not find.is_unsure
        assert "most likely" not in find.note
        if encoding in ("windows-1252", "iso-8859-15", "mac-roman", "windows-1250"):
            assert len(find.readings) > 1


@pytest.mark.parametrize("seed", range(20))
def test_central_european_names_without_a_euro_sign_are_iso_8859_2(seed: int) -> None:
    text = table(names_of(CENTRAL, 10, seed)).replace("€", "")
    find = find_encoding(Bytes(text.encode("iso8859-2")))
    assert make_decoder(find.encoding).decode(text.encode("iso8859-2"), True) == text


@pytest.mark.parametrize("seed", range(20))
def test_a_single_name_is_read_right_or_said_to_be_unsure(seed: int) -> None:
    for codec, words in (
        ("cp1252", WESTERN),
        ("mac-roman", WESTERN),
        ("cp1250", f"{CENTRAL} Žarko Škrlj"),
        ("iso8859-2", CENTRAL),
    ):
        data = table(names_of(words, 1, seed)).replace("€", "").encode(codec)
        find = find_encoding(Bytes(data))
        assert find.is_unsure or make_decoder(find.encoding).decode(data, True) == data.decode(
            codec
        )


@pytest.mark.parametrize(
    "text",
    [
        "名前,住所\n田中太郎,東京都千代田区\n",
        "Имя;Город\nАлексей;Москва\n",
        "שם,עיר\nדוד,ירושלים\n",
        "Όνομα\tΠόλη\nΑλέξανδρος\tΑθήνα\n",
    ],
)
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-16", "utf-8"])
def test_other_scripts_need_no_byte_order_mark(text: str, codec: str) -> None:
    find = find_encoding(Bytes(text.encode(codec)))
    decoded = make_decoder(find.encoding).decode(text.encode(codec), True)
    assert decoded.removeprefix("\ufeff") == text


def test_plain_letters_are_utf_8_without_anything_to_choose() -> None:
    find = find_encoding(Bytes(b"ID,NAME\n1,Ann\n"))
    assert (find.encoding, find.readings, find.is_unsure) == ("utf-8", (), False)


def test_the_same_words_are_shown_in_each_reading_the_taken_one_first() -> None:
    text = "ID,NAME\r1,García\r2,Muñoz\r3,Hélène\r"
    examination = found(Bytes(text.encode("mac-roman")))
    first, *others = examination.readings
    assert (first.encoding, first.label) == ("mac-roman", "Mac Roman (older Macs)")
    assert first.examples == ("García", "Muñoz", "Hélène")
    western = next(reading for reading in others if reading.encoding == "windows-1252")
    assert western.examples == ("Garc’a", "Mu–oz", "H\ufffdl\ufffdne".replace("\ufffd", "Ž", 1))
    assert all(len(reading.examples) == 3 for reading in examination.readings)


def test_utf_8_shows_how_it_would_look_otherwise() -> None:
    readings = found(Bytes("ID,NAME\n1,Zoë\n".encode())).readings
    assert [(reading.encoding, reading.examples) for reading in readings[:2]] == [
        ("utf-8", ("Zoë",)),
        ("windows-1252", ("ZoÃ«",)),
    ]


def test_short_windows_1252_that_is_well_formed_utf_8_is_utf_8() -> None:
    assert find_encoding(Bytes("ID,NAME\n1,Ã©\n".encode("cp1252"))).encoding == "utf-8"


@pytest.mark.parametrize("chosen", list(ENCODING_LABELS))
def test_a_choice_is_taken_as_given(chosen: str) -> None:
    source = Bytes("ID,NAME\n1,José\n2,Zoë\n".encode("cp1252"))
    find = find_encoding(source, chosen)
    assert find.encoding == chosen
    assert find.readings[0].encoding == chosen
    assert not find.is_unsure
    assert len({reading.encoding for reading in find.readings}) == len(find.readings)


def test_a_choice_decides_what_the_rows_are() -> None:
    source = Bytes("ID,NAME\n1,José\n".encode("cp1252"))
    examination = examine(source, choices=Choices(encoding="mac-roman"))
    assert isinstance(examination, Examination)
    assert examination.first_rows == (("1", "JosÈ"),)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("UTF8", "utf-8"),
        ("latin1", "iso-8859-1"),
        ("cp1252", "windows-1252"),
        ("macintosh", "mac-roman"),
        ("ISO_8859-15", "iso-8859-15"),
        ("utf-8+windows-1252", "utf-8+windows-1252"),
        ("klingon", None),
        ("base64\x00", None),
    ],
)
def test_encodings_go_by_their_usual_names(name: str, key: str | None) -> None:
    assert known_encoding(name) == key


def test_apostrophes_and_dashes_of_windows_are_no_letters_of_a_mac() -> None:
    text = "ID,NAME,NOTE\n1,O’Brien,“fine” – don’t call\n2,D’Angelo,‘04 it’s ok…\n"
    assert find_encoding(Bytes(text.encode("cp1252"))).encoding == "windows-1252"


def test_a_mark_before_text_of_another_kind_is_not_believed() -> None:
    data = b"\xff\xfe" + b"ID,NAME\n" + b"1,Ann\n" * 50
    assert find_encoding(Bytes(data)).encoding != "utf-16-le"


def test_a_zero_byte_in_a_short_plain_file_makes_no_utf_16_of_it() -> None:
    for data in (b"NAME,CITY\nAnn,Bos\x00ton\nBob,Salem\n", b"NAME\nAnn Lee\nBob\n\x00\n"):
        assert find_encoding(Bytes(data)).encoding == "utf-8"


@pytest.mark.parametrize("encoding", list(ENCODING_LABELS))
def test_no_bytes_stop_a_decoder(encoding: str) -> None:
    data = random.Random(3).randbytes(100_000)
    decoder = make_decoder(encoding)
    parts = [decoder.decode(data[at : at + 777]) for at in range(0, len(data), 777)]
    assert "".join([*parts, decoder.decode(b"", True)])


class Huge:
    """Ten gigabytes of one row over and over, without having them."""

    name = "huge.csv"
    size = 10_000_000_000

    def __init__(self, row: bytes) -> None:
        self._row = row

    def open(self) -> BinaryIO:
        return _Endless(self._row, self.size)


class _Endless(io.RawIOBase):
    def __init__(self, row: bytes, size: int) -> None:
        self._block = row * (2_000_000 // len(row))
        self._row = len(row)
        self._at = 0
        self._size = size

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        size = min(size, self._size - self._at)
        start = self._at % self._row
        self._at += size
        return self._block[start : start + size]


@pytest.mark.parametrize("codec", ["utf-8", "cp1252", "mac-roman"])
def test_the_encoding_of_a_file_of_any_size_is_found_at_once(codec: str) -> None:
    source = Huge("1,Hélène,García,Boston,02139\r\n".encode(codec))
    find_encoding(source)
    started = time.process_time()
    find = find_encoding(source)
    assert time.process_time() - started < 1
    assert make_decoder(find.encoding).decode("García".encode(codec)) == "García"
