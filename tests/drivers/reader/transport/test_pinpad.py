"""Codes typed at the reader: the structures byte by byte (PC/SC part 10 v2.02.09), and what comes of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from smartcard import scard

from drivers.reader import iso7816
from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, visiting
from drivers.reader.errors import CardChangedError, CardGoneError
from drivers.reader.outcomes import Accepted, Locked, RefusalReason, Refused, Role, Unknown, WrongCode
from drivers.reader.profiles import Profiles, UnblockVariant, builtin
from drivers.reader.secret import Secret
from drivers.reader.transport import pinpad
from drivers.reader.transport.pcsc import PcscConnection
from drivers.reader.transport.pinpad import PadCode, PadText
from sim.reader import pinpad as virtual_pad
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pinpad import PadBackend
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW
from tests.fakes.cards.judge import floor_of

PIN = Role.IDENTIFICATION
FILLER = b"\xff" * 8
CODE = PadCode(min_length=6, max_length=8, block=8)


def test_the_structure_for_a_verification() -> None:
    structure = pinpad.verify_structure(iso7816.verify(0x80, FILLER), CODE, PadText())
    assert structure.hex(" ") == (
        "1e 1e "  # bTimeOut, bTimeOut2: seconds
        "82 "  # bmFormatString: bytes, position 0, left-justified, ASCII
        "08 "  # bmPINBlockString: no length in the APDU, a block of 8 bytes
        "00 "  # bmPINLengthFormat
        "08 06 "  # wPINMaxExtraDigit: at most 8, at least 6
        "02 "  # bEntryValidationCondition: the OK key
        "01 "  # bNumberMessage
        "09 04 "  # wLangId: English
        "00 "  # bMsgIndex
        "00 00 00 "  # bTeoPrologue
        "0d 00 00 00 "  # ulDataLength
        "00 20 00 80 08 ff ff ff ff ff ff ff ff"
    )


def test_the_structure_for_a_change() -> None:
    apdu = iso7816.change_reference_data(0x80, FILLER, FILLER)
    structure = pinpad.modify_structure(apdu, CODE, PadText(0x041D))
    assert structure.hex(" ") == (
        "1e 1e 82 08 00 "
        "00 08 "  # bInsertionOffsetOld, bInsertionOffsetNew
        "08 06 "
        "03 "  # bConfirmPIN: ask for the old one, and twice for the new
        "02 03 1d 04 "  # ..., three messages, Swedish
        "00 01 02 "  # bMsgIndex1 to 3
        "00 00 00 15 00 00 00 "
        "00 24 00 80 10 ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff"
    )


def test_the_structure_for_a_new_code_alone() -> None:
    structure = pinpad.new_code_structure(iso7816.reset_to_new(0x80, FILLER), CODE, PadText())
    assert structure.hex(" ") == (
        "1e 1e 82 08 00 "
        "00 00 "  # bInsertionOffsetOld, which nobody asks for, and bInsertionOffsetNew
        "08 06 "
        "01 "  # bConfirmPIN: twice for the new one, not for the old
        "02 02 09 04 "  # ..., two messages, English
        "01 02 00 "  # bMsgIndex1 and 2: new code, once more; 3 is not looked at
        "00 00 00 0d 00 00 00 "
        "00 2c 02 80 08 ff ff ff ff ff ff ff ff"
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("060442330006070442330007120442330012", {6: 0x42330006, 7: 0x42330007, 0x12: 0x42330012}),
        ("", {}),
        ("06", {}),
        ("060442", {}),
        ("0601ff070442000007", {7: 0x42000007}),
    ],
)
def test_features_are_what_the_reader_lists_and_nothing_else(answer: str, expected: dict[int, int]) -> None:
    assert pinpad.features(bytes.fromhex(answer)) == expected


@pytest.fixture(params=["B", "C", "D"])
def card(request: pytest.FixtureRequest, authority: TestAuthority) -> VirtualCard:
    return VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=request.param)


@pytest.fixture
def backend(card: VirtualCard) -> PadBackend:
    slot = VirtualSlot("Pad 0")
    slot.insert(card)
    return PadBackend([slot])


@pytest.fixture
async def pad(backend: PadBackend) -> AsyncIterator[CardReader]:
    reader = CardReader(backend, "Pad 0", ReaderSettings(now=lambda: NOW))
    yield reader
    await reader.close()


async def test_the_code_goes_from_the_keys_to_the_card(pad: CardReader, backend: PadBackend, card: VirtualCard) -> None:
    async with visiting(pad) as visit:
        assert visit.has_pad
        backend.typed += [card.persona.pin]
        assert await visit.verify_at_pad(PIN) == Accepted()
        backend.typed += [card.persona.pin, "975318", "975318"]
        assert await visit.change_at_pad(PIN) == Accepted()
        backend.typed += [card.persona.pin, "975318"]
        wrong = await visit.verify_at_pad(PIN)
        assert isinstance(wrong, WrongCode)
        assert wrong.tries_left == card.tries_left[0]
        assert await visit.verify_at_pad(PIN) == Accepted()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ([None], Refused(RefusalReason.CARD, 0x6401)),
        ([], Refused(RefusalReason.CARD, 0x6400)),
        (["246813", "975318", "975319"], Refused(RefusalReason.POLICY, 0x6402)),
        (["246813", "9753"], Refused(RefusalReason.POLICY, 0x6403)),
        (["246813", "975318642"], Refused(RefusalReason.POLICY, 0x6403)),
    ],
)
async def test_what_ends_at_the_pad_costs_no_try(
    pad: CardReader, backend: PadBackend, card: VirtualCard, typed: list[str | None], expected: Refused
) -> None:
    async with visiting(pad) as visit:
        before = card.tries_left
        backend.typed += typed
        assert await visit.change_at_pad(PIN) == expected
        assert card.tries_left == before


async def test_the_last_try_needs_consent_at_the_pad_too(
    pad: CardReader, backend: PadBackend, card: VirtualCard
) -> None:
    async with visiting(pad) as visit:
        tries = card.tries_left[0]
        for left in range(tries - 1, 0, -1):
            backend.typed += ["999998"]
            assert await visit.verify_at_pad(PIN) == WrongCode(left)
        assert await visit.verify_at_pad(PIN) == Refused(RefusalReason.LAST_TRY, tries_left=1)
        assert await visit.change_at_pad(PIN) == Refused(RefusalReason.LAST_TRY, tries_left=1)
        backend.typed += ["999998"]
        assert await visit.verify_at_pad(PIN, last_try_consented=True) == Locked()


PUK_AND_NEW = "24681357"
"""A new PIN as long as the PUK: one structure has one pair of lengths."""


async def test_a_locked_pin_is_unlocked_at_the_pad(pad: CardReader, backend: PadBackend, card: VirtualCard) -> None:
    lock(card)
    async with visiting(pad) as visit:
        assert visit.unblock_lengths_at_pad(PIN) == (8, 8)
        backend.typed += [card.persona.puk, PUK_AND_NEW, PUK_AND_NEW, PUK_AND_NEW]
        assert await visit.unblock_at_pad(PIN) == Accepted()
        assert await visit.verify_at_pad(PIN) == Accepted()
        assert visit.unblock_lengths_at_pad(Role.PUK) is None
        assert await visit.unblock_at_pad(Role.PUK) == Refused(RefusalReason.NOT_ALLOWED)


def lock(card: VirtualCard) -> None:
    card.codes.pin.tries_left = 0


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ([], Refused(RefusalReason.CARD, 0x6400)),
        ([None], Refused(RefusalReason.CARD, 0x6401)),
        (["11111111", "24681357", "24681358"], Refused(RefusalReason.POLICY, 0x6402)),
        (["1111111", "24681357", "24681357"], Refused(RefusalReason.POLICY, 0x6403)),
        (["11111111", "246813", "246813"], Refused(RefusalReason.POLICY, 0x6403)),
    ],
)
async def test_an_unblock_that_ends_at_the_pad_costs_no_try(
    pad: CardReader, backend: PadBackend, card: VirtualCard, typed: list[str | None], expected: Refused
) -> None:
    async with visiting(pad) as visit:
        before = card.tries_left
        backend.typed += typed
        assert await visit.unblock_at_pad(PIN) == expected
        assert card.tries_left == before


async def test_a_puk_goes_out_above_its_floor_at_the_pad_too(
    pad: CardReader, backend: PadBackend, card: VirtualCard
) -> None:
    outcomes: list[object] = []
    async with visiting(pad) as visit:
        for _ in range(12):
            backend.typed[:] = ["99999998", PUK_AND_NEW, PUK_AND_NEW]
            outcomes.append(await visit.unblock_at_pad(PIN))
        assert {type(outcome) for outcome in outcomes} == {WrongCode, Refused}
        assert isinstance(outcomes[-1], Refused)
        assert outcomes[-1].reason is RefusalReason.BELOW_FLOOR
        assert card.tries_left[1] == floor_of(card) - 1


async def test_a_card_torn_while_it_is_unlocked_at_the_pad_is_of_unknown_outcome(
    pad: CardReader, backend: PadBackend, card: VirtualCard
) -> None:
    async with visiting(pad) as visit:
        backend.typed += [card.persona.puk, PUK_AND_NEW, PUK_AND_NEW]
        tear_at_code(card, 0x2C)
        assert await visit.unblock_at_pad(PIN) == Unknown()


async def test_another_card_gets_nothing_from_the_pad(
    pad: CardReader, backend: PadBackend, card: VirtualCard, authority: TestAuthority
) -> None:
    async with visiting(pad) as visit:
        other = VirtualCard.create(person(EC_PERSON + 1).new, authority, NOW, kind=card.kind)
        other.power_on()
        real, card.transmit = card.transmit, other.transmit  # type: ignore[method-assign]
        backend.typed += [card.persona.puk, PUK_AND_NEW, PUK_AND_NEW]
        with pytest.raises((CardChangedError, CardGoneError)):
            await visit.unblock_at_pad(PIN)
        assert len(backend.typed) == 3, "nobody was asked"
        card.transmit = real  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("variant", "typed", "expected"),
    [
        ("puk", ["puk"], Accepted(new_code_set=False)),
        ("verify-then-new", ["puk", "975318", "975318"], Accepted()),
        ("verify-then-new", ["puk", "975318", "975319"], Refused(RefusalReason.POLICY, 0x6402)),
        ("verify-then-new", ["99999998"], WrongCode(9)),
        ("verify-then-reset", ["puk"], Accepted(new_code_set=False)),
        ("verify-then-reset", ["99999998"], WrongCode(9)),
    ],
)
async def test_every_way_to_unlock_has_its_structure(
    authority: TestAuthority, variant: UnblockVariant, typed: list[str], expected: object
) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW)
    lock(card)
    async with at_pad(card, profiled(variant)) as (visit, backend):
        assert visit.unblock_lengths_at_pad(PIN) == ((6, 8) if variant == "verify-then-new" else (8, 8))
        backend.typed += [card.persona.puk if code == "puk" else code for code in typed]
        outcome = await visit.unblock_at_pad(PIN)
        assert outcome == expected
        assert (card.tries_left[0] > 0) == isinstance(outcome, Accepted)


def profiled(variant: UnblockVariant, **pin: int) -> Profiles:
    known = builtin().match_name("virtual-b")
    commands = known.commands.model_copy(update={"unblock": variant})
    changed = known.model_copy(update={"commands": commands, "pin": known.pin.model_copy(update=pin)})
    return builtin().with_added(changed)


@asynccontextmanager
async def at_pad(card: VirtualCard, profiles: Profiles) -> AsyncIterator[tuple[CardVisit, PadBackend]]:
    slot = VirtualSlot("Pad 0")
    slot.insert(card)
    backend = PadBackend([slot])
    reader = CardReader(backend, "Pad 0", ReaderSettings(now=lambda: NOW, profiles=profiles))
    async with visiting(reader) as visit:
        yield visit, backend
    await reader.close()


async def test_lengths_that_no_structure_holds_are_not_asked_for_at_the_pad(authority: TestAuthority) -> None:
    """A PIN of six digits and a PUK of eight: the person is asked elsewhere."""
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW)
    async with at_pad(card, profiled("puk-and-new", max_length=6)) as (visit, _):
        assert visit.unblock_lengths_at_pad(PIN) is None
        assert await visit.unblock_at_pad(PIN) == Refused(RefusalReason.NOT_AT_PAD)
        assert await visit.unblock(PIN, Secret(card.persona.puk), Secret("975318")) == Accepted()


async def test_a_product_that_its_holder_may_not_unlock_is_not_unlocked_at_the_pad(authority: TestAuthority) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW)
    async with at_pad(card, profiled("none")) as (visit, _):
        assert visit.unblock_lengths_at_pad(PIN) is None
        assert await visit.unblock_at_pad(PIN) == Refused(RefusalReason.NOT_ALLOWED)


async def test_a_pad_whose_firmware_does_not_take_it_says_so(
    pad: CardReader, backend: PadBackend, card: VirtualCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_pad, "MODIFYING", (0x24,))
    async with visiting(pad) as visit:
        before = card.tries_left
        assert await visit.unblock_at_pad(PIN) == Refused(RefusalReason.NOT_AT_PAD, 0x6B80)
        assert await visit.unblock(PIN, Secret(card.persona.puk), Secret("975318")) == Accepted()
        assert card.tries_left == before


async def test_a_card_torn_while_its_code_is_typed_is_of_unknown_outcome(
    pad: CardReader, backend: PadBackend, card: VirtualCard
) -> None:
    async with visiting(pad) as visit:
        backend.typed += [card.persona.pin]
        tear_at_code(card)
        assert await visit.verify_at_pad(PIN) == Unknown()


def tear_at_code(card: VirtualCard, instruction: int = 0x20) -> None:
    real = card.transmit

    def transmit(apdu: bytes) -> bytes:
        if apdu[1] == instruction and len(apdu) > 5:
            card.tear(0, "during")
        return real(apdu)

    card.transmit = transmit  # type: ignore[method-assign]


class Control:
    """The reader's side of SCardControl: which features it lists, and what it answers at its pad."""

    def __init__(self, listed: str, answer: str, result: int = 0) -> None:
        self.listed, self.answer, self.result = listed, answer, result
        self.asked: list[tuple[int, bytes]] = []

    def __call__(self, _handle: int, code: int, data: list[int]) -> tuple[int, list[int]]:
        self.asked.append((code, bytes(data)))
        if code == scard.SCARD_CTL_CODE(3400):
            return 0, list(bytes.fromhex(self.listed))
        return self.result, list(bytes.fromhex(self.answer))


def connection(monkeypatch: pytest.MonkeyPatch, control: Control) -> PcscConnection:
    monkeypatch.setattr(scard, "SCardControl", control)
    return PcscConnection(1, 2, scard.SCARD_PROTOCOL_T1, b"", "Pad 0")


def test_a_real_readers_pad_is_found_by_its_features(monkeypatch: pytest.MonkeyPatch) -> None:
    control = Control("060442330006070442330007", "9000")
    found = connection(monkeypatch, control).pinpad
    assert found is not None
    assert (found.verify(b"verify"), found.modify(b"modify")) == (b"\x90\x00", b"\x90\x00")
    assert control.asked[1:] == [(0x42330006, b"verify"), (0x42330007, b"modify")]


@pytest.mark.parametrize("listed", ["", "060442330006", "070442330007", "06"])
def test_a_reader_with_half_a_pad_has_none(monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    assert connection(monkeypatch, Control(listed, "9000")).pinpad is None


@pytest.mark.parametrize(("answer", "result"), [("90", 0), ("", 0), ("9000", 0x8010002F)])
def test_a_pad_that_fails_leaves_the_outcome_unknown(monkeypatch: pytest.MonkeyPatch, answer: str, result: int) -> None:
    found = connection(monkeypatch, Control("060442330006070442330007", answer, result)).pinpad
    assert found is not None
    with pytest.raises(CardGoneError):
        found.verify(b"verify")


async def test_a_reader_without_a_pad_says_so(make_card: Callable[..., VirtualCard], reader: CardReader) -> None:
    async with visiting(reader) as visit:
        assert not visit.has_pad
        assert await visit.verify_at_pad(PIN) == Refused(RefusalReason.NOT_ALLOWED)
        assert await visit.change_at_pad(PIN) == Refused(RefusalReason.NOT_ALLOWED)
        assert await visit.verify_at_pad(Role.PUK) == Refused(RefusalReason.NOT_ALLOWED)
        assert await visit.unblock_at_pad(PIN) == Refused(RefusalReason.NOT_AT_PAD)
