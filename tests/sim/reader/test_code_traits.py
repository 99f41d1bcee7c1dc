"""Each trait of codes, by an exchange that differs from the plain kind's; and what the tools of OpenSC make of it."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from drivers.reader.pkcs15 import objects
from sim.reader import card_memory
from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.reader.code_traits import CODE_TRAITS
from sim.reader.personas import PIN, SIGNATURE_PIN, person
from sim.reader.pki import TestAuthority
from sim.reader.traits import UnknownTraitError, check
from tests.sim.reader.referee import Tool, in_reader, runner
from tests.sim.reader.speak import NEW, WRONG, Talk

MakeForeign = Callable[..., VirtualCard]
PLAIN_PUK = person(6).new.puk
IAS = bytes.fromhex("4D087006BF810102A080")
DF21 = bytes.fromhex("A003830101")


@pytest.fixture(scope="module")
def make(authority: TestAuthority, now: datetime) -> MakeForeign:
    keys = VirtualCard.create(person(6).new, authority, now).keys

    def card(*traits: str, kind: str = "B") -> VirtualCard:
        made = VirtualCard(fresh_memory(kind, person(6).new, authority, now, keys, traits))
        made.power_on()
        return made

    return card


def codes_of(talk: Talk) -> list[dict[str, object]]:
    """What the AODF says, as the reader understands it."""
    assert talk.send("00A4000C", bytes.fromhex("4401")) == "9000"
    _, content = talk.ask("00B00000", le="00")
    fields = ("flags", "alphabet", "min_length", "stored_length", "max_length", "reference", "pad", "path")
    return [{name: getattr(code, name) for name in fields} for code in objects.parse_codes(content)]


def wrong_then(exchange: Callable[[Talk], object]) -> Callable[[Talk], object]:
    def run(talk: Talk) -> object:
        talk.verify(WRONG)
        return exchange(talk)

    return run


def new_pin_signs(talk: Talk) -> tuple[str, str]:
    """Whether a key may be used under the PIN as it is issued, and under a new one."""

    def use(pin: str) -> str:
        assert talk.verify(pin) == "9000"
        assert talk.send("002241B6", bytes.fromhex("840101")) == "9000"
        return talk.send("002A9E9A", bytes(32))

    first = use(PIN)
    assert talk.change(PIN, NEW) == "9000"
    return first, use(NEW)


def at_mf(talk: Talk) -> tuple[str, str, str]:
    """VERIFY in the application, then at the MF, and whether a key may then be used in the application."""
    there = talk.verify(PIN)
    talk.send("00A4000C", bytes.fromhex("3F00"))
    at_home = talk.verify(PIN)
    talk.select()
    assert talk.send("002241B6", bytes.fromhex("840101")) == "9000"
    return there, at_home, talk.send("002A9E9A", bytes(32))


def unblock(header: str, *codes: str, before: str = "") -> Callable[[Talk], str]:
    def run(talk: Talk) -> str:
        talk.lock()
        if before:
            assert talk.send("00200002", talk.language.code(before)) == "9000"
        return talk.send(header, talk.language.code(*codes))

    return run


def changes_to(*pins: str, p1: int = 0) -> Callable[[Talk], str]:
    """The answer to the last of some changes, each after a VERIFY of the code before it."""

    def run(talk: Talk) -> str:
        said, old = "", PIN
        for new in pins:
            assert talk.verify(old) == "9000"
            said = talk.send(f"0024{p1:02X}01", talk.language.code(*([new] if p1 else [old, new])))
            old = new
        return said

    return run


def verify(reference: str, hexadecimal: str) -> Callable[[Talk], str]:
    return lambda talk: talk.send(f"002000{reference}", bytes.fromhex(hexadecimal))


def told(field: str, which: int = 0) -> Callable[[Talk], object]:
    return lambda talk: codes_of(talk)[which][field]


FF, ZERO = PIN.encode().ljust(8, b"\xff").hex(), PIN.encode().ljust(8, b"\x00").hex()
EMPTY_TWICE = lambda talk: (talk.empty(), talk.empty(), talk.card.tries_left[0])  # noqa: E731
DIFFERENCES: list[tuple[str, str, Callable[[Talk], object], object, object]] = [
    # trait, kind, exchange, on a card with the trait, on one without
    ("no-puk-object", "B", lambda talk: len(codes_of(talk)), 1, 2),
    *[
        (f"puk-{digits}", kind, lambda talk: len(talk.card.codes.puk.value), digits, 8)
        for digits in (6, 7) for kind in "ABCD"
    ],
    ("puk-16", "A", unblock("002C0001", 2 * PLAIN_PUK, NEW), "9000", "63C4"),
    ("puk-16", "B", unblock("002C0001", 2 * PLAIN_PUK, NEW), "9000", "6700"),
    ("puk-16", "B", told("stored_length", 1), 16, 8),
    ("idle-second-pin", "B", lambda talk: talk.send("00200003", talk.language.code(SIGNATURE_PIN)), "9000", "6A88"),
    ("idle-second-pin", "B", lambda talk: talk.send("00A4000C", bytes.fromhex("4302")), "6A82", "9000"),
    ("ascii-numeric", "B", lambda talk: talk.change(PIN, "abcd"), "9000", "6700"),
    ("ascii-numeric", "B", told("min_length"), 4, 6),
    *[
        (trait, kind, lambda talk: (talk.verify(PIN), talk.send("00200081", talk.language.code(PIN))), ("6A88", "9000"),
         ("9000", "6A88"))
        for trait in ("reference-80", "reference-80-told") for kind in "AB"
    ],
    ("reference-80-told", "B", told("reference"), 0x81, 1),
    ("pads-ff", "A", verify("01", PIN.encode().ljust(16, b"\xff").hex()), "9000", "63C2"),
    ("pads-ff", "A", verify("01", PIN.encode().ljust(16, b"\x00").hex()), "63C2", "9000"),
    ("pads-ff", "B", told("pad"), 0x00, 0xFF),
    ("pads-00", "A", told("pad"), 0xFF, 0x00),
    ("pads-00", "B", verify("01", ZERO), "9000", "63C2"),
    ("pads-00", "B", verify("01", FF), "63C2", "9000"),
    ("padding-untold", "A", told("pad"), None, 0x00),
    ("padding-untold", "B", verify("01", PIN.encode().hex()), "6700", "9000"),
    ("bare-codes", "A", verify("01", PIN.encode().ljust(16, b"\x00").hex()), "6A80", "9000"),
    ("bare-codes", "B", lambda talk: talk.send("00240001", f"{PIN}{NEW}".encode()), "9000", "6700"),
    *[("iso9564", kind, verify("01", f"26{PIN}ffffffff"), "9000", "63C2") for kind in "AB"],
    ("iso9564", "B", told("alphabet"), 4, 1),
    *[("silent-counters", kind, EMPTY_TWICE, ("6700", "6700", 3), ("63C3", "63C3", 3)) for kind in "ABD"],
    ("silent-counters", "C", EMPTY_TWICE, ("6700", "6700", 5), ("63C5", "63C5", 5)),
    *[("silent-counters-6a80", kind, EMPTY_TWICE, ("6A80", "6A80", 3), ("63C3", "63C3", 3)) for kind in "ABD"],
    ("silent-counters-6a80", "C", EMPTY_TWICE, ("6A80", "6A80", 5), ("63C5", "63C5", 5)),
    *[("counting-empty-verify", kind, EMPTY_TWICE, ("63C2", "63C1", 1), ("63C3", "63C3", 3)) for kind in "AB"],
    ("counts-630x", "C", lambda talk: (talk.verify(WRONG), talk.empty()), ("6304", "6304"), ("63C4", "63C4")),
    ("counts-630x", "D", lambda talk: (talk.verify(WRONG), talk.empty()), ("6302", "6302"), ("63C2", "63C2")),
    *[
        ("counter-object", kind, wrong_then(lambda talk: talk.ask("00CB3FFF", IAS, "00")[1].hex()),
         "701ebf81011aa0189a01039b0102a1108c06f300007373009c06f30000737300", "")
        for kind in "AB"
    ],
    *[
        ("counter-df21", kind, wrong_then(lambda talk: talk.ask("00CB00FF", DF21, "00")[1].hex()),
         "a00b830101df210102df2f0101", "")
        for kind in "AB"
    ],
    ("must-change", "B", new_pin_signs, ("6985", "9000"), ("9000", "9000")),
    ("must-change", "A", lambda talk: talk.ask("00CB00FF", DF21, "00")[1].hex(), "a00b830101df210103df2f0100", ""),
    ("verify-puk-then-new", "B", unblock("002C0001", PLAIN_PUK, NEW), "6A86", "9000"),
    ("verify-puk-then-new", "B", unblock("002C0201", NEW, before=PLAIN_PUK), "9000", "9000"),
    ("puk-only", "B", unblock("002C0001", PLAIN_PUK, NEW), "6A86", "9000"),
    ("puk-only", "B", unblock("002C0101", PLAIN_PUK), "9000", "9000"),
    *[
        ("change-verified", kind, changes_to(NEW, p1=p1), *words)
        for kind in "AB" for p1, words in ((0, ("6A86", "9000")), (1, ("9000", "6A86")))
    ],
    *[("refuses-old-codes", kind, changes_to(NEW, PIN), "6985", "9000") for kind in "AB"],
    *[("refuses-weak-codes", kind, changes_to("977318"), "6A80", "9000") for kind in "AB"],
    ("never-initialized", "B", told("flags"), frozenset({1, 5}), frozenset({1, 4, 5})),
    ("empty-code-path", "B", told("path"), b"", bytes.fromhex("3F005015")),
    ("global-pin", "C", verify("00", FF), "9000", "6A88"),
    *[("one-code-mf", kind, at_mf, ("6A88", "9000", "9000"), ("9000", "9000", "6982")) for kind in "AB"],
    ("one-code-mf", "B", told("path"), bytes.fromhex("3F00"), bytes.fromhex("3F005015")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("trait", "kind", "exchange", "foreign", "plain"),
    DIFFERENCES, ids=[f"{trait} {kind}" for trait, kind, *_ in DIFFERENCES],
)  # fmt: skip
def test_a_trait_is_an_exchange_that_differs(
    make: MakeForeign, trait: str, kind: str, exchange: Callable[[Talk], object], foreign: object, plain: object
) -> None:
    assert exchange(Talk(make(trait, kind=kind))) == foreign
    assert exchange(Talk(make(kind=kind))) == plain


def test_every_trait_is_seen_on_a_card_and_tested_on_each_kind_or_on_one_with_the_same_commands() -> None:
    assert {trait for trait, *_ in DIFFERENCES} == CODE_TRAITS.keys()
    assert all(trait.seen_on and trait.title for trait in CODE_TRAITS.values())


def test_a_card_file_keeps_its_codes(make: MakeForeign, tmp_path: Path) -> None:
    card = make("puk-16", "idle-second-pin")
    card.save(tmp_path / "card.json")
    memory = card_memory.read(tmp_path / "card.json")
    assert memory.persona.puk == 2 * PLAIN_PUK
    assert memory.persona.signature_pin == SIGNATURE_PIN
    assert VirtualCard(memory).transmit is not None


def test_what_one_card_cannot_have_is_refused() -> None:
    for pair in (("puk-6", "iso9564"), ("pads-ff", "bare-codes"), ("idle-second-pin", "one-code-mf")):
        with pytest.raises(UnknownTraitError):
            check(pair, "B")


@pytest.fixture
def opensc(tmp_path: Path, pcscd: dict[int, str]) -> Tool:
    return runner(tmp_path)


@pytest.mark.pcsc
@pytest.mark.skipif(not Path("/usr/bin/pkcs15-tool").exists(), reason="OpenSC is not installed")
@pytest.mark.parametrize(
    ("kind", "traits", "told", "left"),
    [
        ("B", ("puk-7", "idle-second-pin", "reference-80-told", "pads-ff", "silent-counters"), [], (3, 10)),
        ("B", ("no-puk-object", "ascii-numeric", "counter-object", "must-change"), ["3"], (3, 10)),
        ("B", ("puk-6", "counting-empty-verify"), ["2", "9"], (3, 10)),
        ("A", ("puk-16", "one-code-mf", "counter-df21", "silent-counters-6a80"), [], (3, 5)),
    ],
)
def test_the_referee_reads_verifies_changes_and_unlocks(
    make: MakeForeign, opensc: Tool, kind: str, traits: tuple[str, ...], told: list[str], left: tuple[int, int]
) -> None:
    card = make(*traits, kind=kind)
    with in_reader(card):
        dump = opensc("pkcs15-tool", "--dump")
        verified = opensc("pkcs15-tool", "--verify-pin", "--pin", PIN)
        changed = opensc("pkcs15-tool", "--change-pin", "--pin", PIN, "--new-pin", NEW)
        unlocked = opensc("pkcs15-tool", "--unblock-pin", "--puk", card.persona.puk, "--new-pin", PIN)
    assert re.findall(r"Tries left +: (\d+)", dump.stdout) == told
    for done in (dump, verified, changed, unlocked):
        assert done.returncode == 0, done.stderr
    assert (card.codes.pin.value.decode(), card.tries_left) == (PIN, left)


@pytest.mark.pcsc
@pytest.mark.skipif(not Path("/usr/bin/pkcs15-tool").exists(), reason="OpenSC is not installed")
def test_the_referee_too_believes_the_directory_and_loses_a_try(make: MakeForeign, opensc: Tool) -> None:
    card = make("pads-00", kind="A")
    with in_reader(card):
        assert "incorrect" in opensc("pkcs15-tool", "--verify-pin", "--pin", PIN).stderr
    assert card.tries_left == (2, 5)
