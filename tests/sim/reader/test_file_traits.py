"""Traits of files: what each makes of a card, in raw commands; and together with others."""

import random
from collections.abc import Callable
from datetime import datetime

import pytest

from sim.reader import card_factory
from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN
from sim.reader.pki import TestAuthority
from sim.reader.traits import TRAITS, check, contradictions
from tests.sim.reader.speak import LANGUAGES, PIV_AID

Make = Callable[..., VirtualCard]
APPLICATION, TOKEN_INFO, CDF = "00A4000C025015", "00A4000C025032", "00A4000C024404"


@pytest.fixture
def make(make_card: Make, authority: TestAuthority, now: datetime) -> Make:
    def card(kind: str, *traits: str) -> VirtualCard:
        """With the keys of a card that was made before."""
        memory = make_card(kind=kind).memory
        fresh = card_factory.fresh_memory(kind, memory.persona, authority, now, memory.keys, traits)
        virtual = VirtualCard(fresh)
        virtual.power_on()
        return virtual

    return card


def send(card: VirtualCard, apdu: str) -> str:
    return card.transmit(bytes.fromhex(apdu)).hex().upper()


def answers(card: VirtualCard, *apdus: str) -> list[str]:
    """The status words."""
    return [send(card, apdu)[-4:] for apdu in apdus]


def select(kind: str, *, p2: str = "00") -> str:
    aid = LANGUAGES[kind].aid
    return f"00A404{p2}{len(aid) // 2:02X}{aid}" + ("" if p2 == "0C" else "00")


def token_info(card: VirtualCard) -> bytes:
    assert answers(card, select(card.kind), TOKEN_INFO) == ["9000", "9000"]
    return bytes.fromhex(send(card, "00B0000000"))[:-2]


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize(("trait", "filler"), [("padded-files", 0x00), ("padded-ff", 0xFF)])
def test_files_are_longer_than_their_content(make: Make, kind: str, trait: str, filler: int) -> None:
    card = make(kind, trait)
    answers(card, select(kind), CDF)
    assert bytes.fromhex(send(card, "00B0050000"))[:-2] == bytes([filler]) * 250


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize(
    ("trait", "commands"),
    [
        ("no-sfi", {"00B0910000": "6A86"}),
        ("no-sfi-6a82", {"00B0910000": "6A82"}),
        ("select-df-01", {"00A4000C025015": "6A82", "00A4010C025015": "9000", "00A4020C025031": "9000"}),
        ("select-ef-02", {"00A4000C025031": "6A82", "00A4010C025031": "6A82", "00A4020C025031": "9000"}),
        (
            "select-path-09",
            {"00A4090C025031": "6A86", "00A4080402503100": "6A86", "00A4020402503100": "6A86", "00A4090402503100": "9000"},
        ),
        ("select-no-answer", {"00A4000002503100": "6A86", "00A4000402503100": "6A86", "00A4000C025031": "9000"}),
        ("no-path-select", {"00A4080C0450155031": "6A86", "00A4090C025031": "6A86", "00A4000C025031": "9000"}),
        ("short-reads", {"00A4000C025031": "9000", "00B0000000": "6700", "00B00000C1": "6700", "00B00000C0": "9000"}),
        ("trusted-list", {"00A4000C024405": "9000", "00B001FD01": "9000"}),
    ],
)  # fmt: skip
def test_what_a_trait_takes_and_refuses(make: Make, kind: str, trait: str, commands: dict[str, str]) -> None:
    card = make(kind, trait)
    assert "9000" in answers(card, *(select(kind, p2=p2) for p2 in ("00", "04", "0C")))
    assert answers(card, *commands) == list(commands.values())


def test_an_answer_of_192_bytes_is_the_longest(make: Make) -> None:
    card = make("B", "short-answers", "padded-files")
    answers(card, select("B"), CDF)
    assert len(send(card, "00B0000000")) == 2 * (192 + 2)


@pytest.mark.parametrize("kind", ["A", "B"])
def test_a_serial_of_the_batch_and_none(make: Make, kind: str) -> None:
    assert b"\x02\x01\x00\x04\x02\x00\x00" in token_info(make(kind, "batch-serial"))
    assert b"\x02\x01\x00\x04\x00\x0c" in token_info(make(kind, "no-serial"))


@pytest.mark.parametrize("kind", ["C", "D"])
def test_a_piv_card_without_a_serial_and_with_that_of_its_batch(make: Make, kind: str) -> None:
    def told(trait: str) -> tuple[str, bytes]:
        card = make(kind, trait)
        answers(card, select(kind))
        return send(card, "00F8000000"), bytes.fromhex(send(card, "00CB3FFF055C035FC10200"))

    (refused, guidless), (batch, shared) = told("no-serial"), told("batch-serial")
    assert b"\x34\x10" + bytes(16) in guidless
    assert b"\x34\x10" + bytes(16) not in shared
    assert (refused, batch) == ("6982", "00009000" if kind == "D" else "6982")


@pytest.mark.parametrize("kind", "ABCD")
def test_a_card_of_t0_alone_offers_nothing_else(make: Make, kind: str) -> None:
    card = make(kind, "t0")
    assert (card.protocol, card.atr[1] & 0x80) == ("T=0", 0), "no TD1"
    aid = LANGUAGES[kind].aid
    assert send(card, f"00A40400{len(aid) // 2:02X}{aid}").startswith("61")
    code = LANGUAGES[kind].code(PIN)
    verify = f"002000{LANGUAGES[kind].reference:02X}{len(code):02X}{code.hex()}"
    assert answers(card, verify, verify + "00") == ["9000", "6700"]


def test_the_application_is_found_by_its_own_aid_and_by_the_directory(make: Make) -> None:
    card = make("B", "no-pkcs15-aid")
    assert answers(card, select("B"), "00A4040C09F0999900004B4B4649", "00A4080C022F00") == ["6A82", "9000", "9000"]
    assert "F0999900004B4B4649" in send(card, "00B0000000")


@pytest.mark.parametrize("kind", "ABCD")
def test_a_guarded_card_shows_nothing(make: Make, kind: str) -> None:
    card = make(kind, "secure-messaging")
    verify = f"002000{LANGUAGES[kind].reference:02X}"
    assert answers(card, select(kind), "00B0910000", "00CB3FFF055C035FC10200", verify, "00A4020C02011C") == [
        "9000", "6982", "6982", "6982", "6982",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["A", "B"])
def test_a_card_with_pace_shows_its_card_access_alone(make: Make, kind: str) -> None:
    card = make(kind, "pace")
    assert answers(card, "00A4000C023F00", "00B0000000", "00A4020C02011C") == ["9000", "6982", "9000"]
    assert send(card, "00B0000000").startswith("3114")
    assert answers(card, select(kind), "00B0000000") == ["9000", "6982"]


def test_traits_of_every_family_go_together(make: Make) -> None:
    for seed in range(8):
        drawn = random.Random(seed).sample(sorted(TRAITS), len(TRAITS))
        for kind in "ABCD":
            chosen: list[str] = []
            for name in drawn:
                together = (*chosen, name)
                if kind in TRAITS[name].kinds and not contradictions(together):
                    chosen.append(name)
            card = make(kind, *chosen)
            assert card.traits == check(chosen, kind)
            assert send(card, f"00A4040C0B{PIV_AID}" if kind in "CD" else select(kind, p2="0C"))


def test_a_trait_stays_in_the_card_file(make: Make, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("card") / "card.json"
    card = make("B", "t0", "padded-ff")
    card.save(path)
    again = VirtualCard.load(path)
    assert (again.traits, again.protocol, again.atr) == (card.traits, "T=0", card.atr)
    assert again.persona == card.persona
