"""How a kind B card is written: by whoever has verified its PIN, within the sizes of its files, durably."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sim.reader import card_factory as making
from sim.reader import card_memory as state
from sim.reader.card_memory import CardFileError
from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN, SIGNATURE_PIN, person, with_two_pins
from sim.reader.pki import TestAuthority
from tests.sim.reader.speak import Talk

FILE = bytes.fromhex("6217 80020004 820101 83024310 8603 011FFF 85020000 8A0100")
RSA_KEY = bytes.fromhex("6217 81020800 820111 83024B10 8603 1111FF 85020000 8A0100")
EC_KEY = bytes.fromhex("6217 81020100 820122 83024B11 8603 1111FF 85020000 8A0100")
EC_384_KEY = EC_KEY.replace(b"\x81\x02\x01\x00", b"\x81\x02\x01\x80")
EXPONENT = bytes.fromhex("30058103010001")


@pytest.fixture
def talk(card: VirtualCard) -> Talk:
    talk = Talk(card)
    assert talk.verify(PIN) == "9000"
    return talk


def chosen(talk: Talk, number: str) -> str:
    return talk.send("00A4020C", bytes.fromhex(number))


def content(talk: Talk) -> bytes:
    return talk.ask("00B00000", le="00")[1]


def test_a_file_is_made_written_and_deleted(talk: Talk) -> None:
    assert talk.send("00E00000", FILE) == "9000"
    assert content(talk) == bytes(4)
    assert talk.send("00E00000", FILE) == "6A89", "there already"
    assert talk.send("00D60001", b"ab") == "9000"
    assert content(talk) == b"\0ab\0"
    assert talk.send("00E40000") == "9000"
    assert chosen(talk, "4310") == "6A82"
    assert talk.send("00E40000") == "6986", "nothing is selected any more"


@pytest.mark.parametrize(
    ("header", "data", "word"),
    [
        ("00D60003", b"ab", "6700"),
        ("00D60005", b"a", "6B00"),
        ("00D60000", b"", "6700"),
        ("00E40100", b"", "6A86"),
        ("00E00100", FILE, "6A86"),
        ("00E00000", b"", "6A80"),
        ("00E00000", FILE[:-1], "6A80"),
        ("00E00000", FILE.replace(b"\x80\x02", b"\x90\x02"), "6A80"),
        ("00E00000", FILE.replace(b"\x82\x01\x01", b"\x82\x01\x38"), "6A80"),
        ("00E00000", FILE.replace(b"\x86\x03", b"\x86\x7f"), "6A80"),
        ("00E00000", FILE.replace(b"\x80\x02\x00\x04\x82", b"\x80\x02\xff\xff\x82").replace(b"\x43\x10", b"\x43\x11"), "6A84"),
        ("00460000", b"", "6982"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(talk: Talk, header: str, data: bytes, word: str) -> None:
    assert talk.send("00E00000", FILE) == "9000"
    assert talk.send(header, data) == word
    assert chosen(talk, "4310") == "9000"
    assert content(talk) == bytes(4)


@pytest.mark.parametrize(
    ("file", "data"), [(EC_KEY, b""), (EC_384_KEY, b""), (RSA_KEY, EXPONENT)], ids=["P256", "P384", "RSA"]
)
def test_a_key_is_made_in_its_file_and_shows_its_public_half(talk: Talk, file: bytes, data: bytes) -> None:
    assert talk.send("00E00000", file) == "9000"
    assert talk.send("00CA0101", le="00") == talk.send("00CA0186", le="00") == "6A88", "no key yet"
    assert talk.send("00460000", data + b"\0") == "6A80"
    assert talk.send("00D60000", b"a") == "6986", "a key is never written from outside"
    assert talk.send("00460000", data) == "9000"
    number = int.from_bytes(file[11:13], "big")
    key = next(key for key in talk.card.application.keys if key.file_id == number)  # type: ignore[attr-defined]
    public = key.private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        assert talk.ask("00CA0101", le="00")[1] == public.public_numbers().n.to_bytes(256, "big")
        assert talk.ask("00CA0102", le="00")[1] == b"\x01\x00\x01"
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        point = talk.ask("00CA0186", le="00")[1]
        assert int.from_bytes(point[3 : 3 + public.key_size // 8], "big") == public.public_numbers().x


def test_no_key_is_made_of_a_size_that_the_card_does_not_have(talk: Talk) -> None:
    assert talk.send("00E00000", EC_KEY.replace(b"\x81\x02\x01\x00", b"\x81\x02\x02\x09")) == "9000"
    assert talk.send("00460000") == "6985"


def test_a_key_that_was_deleted_signs_no_more(talk: Talk) -> None:
    assert talk.send("002241B6", bytes.fromhex("800104840101")) == "9000"
    assert chosen(talk, "4B01") == "9000"
    assert talk.send("00E40000") == "9000"
    assert talk.send("002A9E9A", bytes(32), "00") == "6985"
    assert talk.send("002241B6", bytes.fromhex("800104840101")) == "6A88"


@pytest.mark.parametrize("number", ["4404", "4301", "4B01"])
def test_without_the_pin_nothing_is_written(card: VirtualCard, number: str) -> None:
    talk = Talk(card)
    assert chosen(talk, number) == "9000"
    words = {talk.send("00E40000"), talk.send("00E00000", FILE)}
    words.add(talk.send("00460000") if number == "4B01" else talk.send("00D60000", b"a"))
    assert words <= {"6982"}


@pytest.mark.parametrize("number", ["5031", "4401", "5032"])
def test_what_only_the_issuer_writes_is_refused_with_the_pin_too(talk: Talk, number: str) -> None:
    assert chosen(talk, number) == "9000"
    assert {talk.send("00D60000", b"a"), talk.send("00E40000")} == {"6982"}


def test_what_was_written_outlives_the_power(make_card: Callable[..., VirtualCard], tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    talk = Talk(make_card(path=path))
    assert talk.verify(PIN) == "9000"
    for header, data in (("00E00000", FILE), ("00D60000", b"abcd"), ("00E00000", EC_KEY), ("00460000", b"")):
        assert talk.send(header, data) == "9000"
    point = talk.ask("00CA0186", le="00")
    assert chosen(talk, "4302") == "9000"
    assert talk.send("00E40000") == "9000"
    again = VirtualCard.load(path)
    again.power_on()
    talk = Talk(again)
    assert (chosen(talk, "4310"), content(talk)) == ("9000", b"abcd")
    assert (chosen(talk, "4B11"), talk.ask("00CA0186", le="00")) == ("9000", point)
    assert chosen(talk, "4302") == "6A82"
    path.write_text(path.read_text().replace('"rights": "011fff"', '"rights": "01"'))
    with pytest.raises(CardFileError, match="damaged"):
        VirtualCard.load(path)


def test_a_key_made_anew_keeps_the_code_that_guards_it(authority: TestAuthority, now: datetime) -> None:
    persona = with_two_pins(replace(person(6).new))
    card = VirtualCard(making.make_memory("B", persona, authority, now))
    card.power_on()
    talk = Talk(card)
    assert talk.verify(PIN) == "9000"
    assert chosen(talk, "4B02") == "9000"
    assert talk.send("00460000") == "9000"
    assert talk.send("002241B6", bytes.fromhex("800104840102")) == "9000"
    assert talk.send("002A9E9A", bytes(32), "00") == "6982"
    assert talk.send("00200003", SIGNATURE_PIN.encode()) == "9000"
    assert talk.send("002A9E9A", bytes(32), "00") == "9000"
    assert tuple(key.purpose for key in card.keys) == state.PURPOSES, "as issued"
