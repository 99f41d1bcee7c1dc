"""A card's stay, as its holder meets it: in-process, against the virtual card with its real rules."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from drivers.reader.card_reader import CardReader, ReaderSettings, try_card, visiting
from drivers.reader.errors import (
    CardBusyError,
    CardGoneError,
    MuteCardError,
    NoCardError,
    NoReaderError,
)
from drivers.reader.outcomes import (
    Accepted,
    Locked,
    RefusalReason,
    Refused,
    Role,
    Signed,
    WrongCode,
)
from drivers.reader.port import Presence
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import NOW, wrong_codes

PIN, SIGNATURE = Role.IDENTIFICATION, Role.SIGNATURE
WRONG = Secret("999999")
WRONG_PUK = Secret("99999999")
NEW = Secret("975318")


def code_commands(card: VirtualCard) -> list[str]:
    """Commands that carried a code (a VERIFY that only asks leaves its mark in 63Cx, so it is told by data)."""
    return [entry.ins for entry in card.log if entry.ins in ("CHANGE REFERENCE DATA", "RESET RETRY COUNTER")]


async def test_a_card_says_whose_it_is(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        facts = visit.facts
        assert facts.holder.name == card.persona.name
        assert facts.holder.hsa_id == card.persona.hsa_id
        assert facts.card_number == card.persona.card_number
        assert facts.serial == card.persona.serial.upper()
        assert (facts.kind, facts.profile) == ("pkcs15", "virtual-b")
        assert [(p.role, p.tries_left, p.state) for p in facts.pins] == [(PIN, 3, "ok"), (Role.PUK, 10, "ok")]
        assert [(c.purpose, c.loa, c.chain) for c in facts.certificates] == [
            ("identification", card.persona.loa, "ok"), ("signature", card.persona.loa, "ok"),
        ]  # fmt: skip


@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
@pytest.mark.parametrize("order", [1, 6])
async def test_a_pickup_on_every_kind_of_key_and_protocol(
    make_card: Callable[..., VirtualCard], authority: TestAuthority, order: int, protocol: str
) -> None:
    card = make_card(order, protocol)
    slot = VirtualSlot("Bench 1")
    slot.insert(card)
    reader = CardReader(InProcessBackend([slot]), "Bench 1", ReaderSettings(now=lambda: NOW))
    async with visiting(reader) as visit:
        assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        for purpose in ("identification", "signature"):
            assert (await try_card(visit, purpose)).passed
    await reader.close()


async def test_a_wrong_pin_says_how_many_are_left_and_the_last_needs_consent(
    reader: CardReader, card: VirtualCard
) -> None:
    async with visiting(reader) as visit:
        assert await visit.verify(PIN, WRONG) == WrongCode(2)
        assert await visit.verify(PIN, Secret("111111")) == WrongCode(1)
        assert await visit.verify(PIN, WRONG) == Refused(RefusalReason.LAST_TRY, tries_left=1)
        assert await visit.change(PIN, WRONG, NEW) == Refused(RefusalReason.LAST_TRY, tries_left=1)
        assert card.tries_left[0] == 1
        assert await visit.verify(PIN, Secret("222222"), last_try_consented=True) == Locked()
        assert (await visit.refresh()).pins[0].state == "locked"


async def test_a_locked_pin_is_not_tried_and_not_changed_even_where_the_card_would(
    reader: CardReader, card: VirtualCard
) -> None:
    async with visiting(reader) as visit:
        for code in wrong_codes(3):
            await visit.verify(PIN, code, last_try_consented=True)
        right = Secret(card.persona.pin)
        assert await visit.verify(PIN, right, last_try_consented=True) == Locked()
        assert await visit.change(PIN, right, NEW, last_try_consented=True) == Locked()
    assert code_commands(card) == []


async def test_wrong_puks_stop_at_the_floor(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        outcomes = [await visit.unblock(PIN, puk, NEW) for puk in wrong_codes(12, 8)]
        assert outcomes[0] == WrongCode(9)
        assert outcomes[-1] == Refused(RefusalReason.BELOW_FLOOR, tries_left=2)
        sent = [outcome for outcome in outcomes if isinstance(outcome, WrongCode)]
        # The last PUK went to the card while three tries remained, and none below that.
        assert sent[-1] == WrongCode(2)
        assert len(sent) == 8
        assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == outcomes[-1]
    assert len(code_commands(card)) == 8


@pytest.mark.parametrize("new", ["1", "12345", "123456789", "12345a", "", "１２３４５６"])
async def test_a_new_pin_outside_the_rules_never_reaches_the_card(
    reader: CardReader, card: VirtualCard, new: str
) -> None:
    async with visiting(reader) as visit:
        refused = Refused(RefusalReason.POLICY)
        assert await visit.unblock(PIN, Secret(card.persona.puk), Secret(new)) == refused
        assert await visit.change(PIN, Secret(card.persona.pin), Secret(new)) == refused
    assert code_commands(card) == []
    assert card.tries_left == (3, 10)


@pytest.mark.parametrize("entry", ["", "1234", "123456789"])
async def test_a_pin_that_the_card_cannot_hold_costs_no_try(reader: CardReader, card: VirtualCard, entry: str) -> None:
    async with visiting(reader) as visit:
        assert await visit.verify(PIN, Secret(entry)) == Refused(RefusalReason.POLICY)
    assert card.tries_left == (3, 10)


@pytest.mark.parametrize("puk", ["1234567", "123456789", "1234567x"])
async def test_a_puk_of_another_form_costs_no_try(reader: CardReader, card: VirtualCard, puk: str) -> None:
    async with visiting(reader) as visit:
        assert await visit.unblock(PIN, Secret(puk), NEW) == Refused(RefusalReason.POLICY)
    assert card.tries_left == (3, 10)


async def test_a_puk_is_never_verified_or_changed_by_itself(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        refused = Refused(RefusalReason.NOT_ALLOWED)
        assert await visit.verify(Role.PUK, WRONG_PUK) == refused
        assert await visit.change(Role.PUK, WRONG_PUK, WRONG_PUK) == refused
        assert await visit.unblock(Role.PUK, WRONG_PUK, WRONG_PUK) == refused
    assert card.tries_left == (3, 10)


async def test_the_pin_is_changed_and_the_old_one_is_wrong_from_then_on(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        assert await visit.verify(PIN, Secret(card.persona.pin)) == WrongCode(2)
        assert await visit.verify(PIN, NEW) == Accepted()


async def test_one_code_serves_the_signature_too(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        assert await visit.verify(SIGNATURE, Secret(card.persona.pin)) == Accepted()
        signed = await visit.sign("signature", b"receipt 1")
        assert isinstance(signed, Signed)
        assert signed.algorithm == "ES256"


async def test_no_signature_without_the_code(reader: CardReader) -> None:
    async with visiting(reader) as visit:
        assert await visit.sign("signature", b"x") == Refused(RefusalReason.CARD, 0x6982)
        test = await try_card(visit, "identification")
        assert not test.passed


async def test_looking_at_the_tries_keeps_the_verified_code(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        await visit.verify(PIN, Secret(card.persona.pin))
        await visit.refresh()
        assert (await try_card(visit, "signature")).passed


async def test_leaving_forgets_the_code(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        await visit.verify(PIN, Secret(card.persona.pin))
    async with visiting(reader) as visit:
        assert not (await try_card(visit, "identification")).passed


async def test_what_cannot_be_visited_is_named(slot: VirtualSlot) -> None:
    backend = InProcessBackend([slot])
    reader = CardReader(backend, slot.name)
    with pytest.raises(NoReaderError):
        await CardReader(backend, "Bench 9").visit()
    async with visiting(reader):
        with pytest.raises(CardBusyError):
            await CardReader(backend, slot.name).visit()
    card = slot.remove()
    assert card is not None
    with pytest.raises(NoCardError):
        await reader.visit()
    slot.insert(card, upside_down=True)
    with pytest.raises(MuteCardError):
        await reader.visit()
    await reader.close()


async def test_a_closed_visit_is_over(reader: CardReader) -> None:
    visit = await reader.visit()
    await visit.close()
    await visit.close()
    with pytest.raises(CardGoneError):
        await visit.refresh()


async def test_what_comes_and_goes_is_told(slot: VirtualSlot) -> None:
    reader = CardReader(InProcessBackend([slot]), slot.name)
    changes = reader.changes()
    assert await anext(changes) is Presence.PRESENT
    card = slot.remove()
    assert card is not None
    assert await anext(changes) is Presence.EMPTY
    slot.insert(card, upside_down=True)
    assert await anext(changes) is Presence.MUTE
    await changes.aclose()
    await reader.close()


async def test_a_quick_swap_is_told_as_a_removal_first(
    slot: VirtualSlot, make_card: Callable[..., VirtualCard]
) -> None:
    reader = CardReader(InProcessBackend([slot]), slot.name)
    changes = reader.changes()
    assert await anext(changes) is Presence.PRESENT
    # The first wait begins here, so the swap falls between two looks.
    card = slot.remove()
    assert await anext(changes) is Presence.EMPTY
    slot.insert(card or make_card())
    assert await anext(changes) is Presence.PRESENT
    waiting = asyncio.ensure_future(anext(changes))
    with slot.changed:
        slot.remove()
        slot.insert(make_card())
    assert await waiting is Presence.EMPTY
    assert await anext(changes) is Presence.PRESENT
    await changes.aclose()
    await reader.close()


async def test_who_looks_late_is_told_of_a_swap_that_another_has_seen_whole(
    slot: VirtualSlot, make_card: Callable[..., VirtualCard]
) -> None:
    """An administrator is logged out by it, however busy the station is."""
    reader = CardReader(InProcessBackend([slot]), slot.name)
    late, quick = reader.changes(), reader.changes()
    assert [await anext(late), await anext(quick)] == [Presence.PRESENT, Presence.PRESENT]
    slot.remove()
    assert await anext(quick) is Presence.EMPTY
    slot.insert(make_card())
    assert await anext(quick) is Presence.PRESENT
    async with asyncio.timeout(60):
        assert [await anext(late), await anext(late)] == [Presence.EMPTY, Presence.PRESENT]
    await late.aclose()
    await quick.aclose()
    await reader.close()


async def test_a_look_alone_forgets_no_swap(slot: VirtualSlot, make_card: Callable[..., VirtualCard]) -> None:
    reader = CardReader(InProcessBackend([slot]), slot.name)
    await reader.presence()
    with slot.changed:
        slot.remove()
        slot.insert(make_card())
    for _ in range(2):
        begun = reader.changes()
        assert await anext(begun) is await reader.presence() is Presence.PRESENT
        await begun.aclose()
    changes = reader.changes()
    async with asyncio.timeout(60):
        assert [await anext(changes) for _ in range(3)] == [Presence.PRESENT, Presence.EMPTY, Presence.PRESENT]
    await changes.aclose()
    await reader.close()


async def test_a_reader_that_closes_ends_its_changes(slot: VirtualSlot) -> None:
    reader = CardReader(InProcessBackend([slot]), slot.name)
    changes = reader.changes()
    assert await anext(changes) is Presence.PRESENT
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    await reader.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_whoever_is_cancelled_while_a_card_is_read_leaves_it_free(slot: VirtualSlot, card: VirtualCard) -> None:
    reader = CardReader(InProcessBackend([slot]), slot.name)
    for steps in range(8):  # cancelled earlier and later on its way
        opening = asyncio.ensure_future(reader.visit())
        for _ in range(steps):
            await asyncio.sleep(0)
        opening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await opening).close()
        async with visiting(reader) as visit:
            assert visit.facts.serial == card.persona.serial.upper()
    await reader.close()
