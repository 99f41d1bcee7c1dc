"""A PIV card's stay, as its holder meets it: the applet (C) and the token (D), in-process."""

import pytest

from drivers.reader.card_reader import CardReader, ReaderSettings, try_card, visiting
from drivers.reader.errors import CardGoneError
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Accepted, Locked, RefusalReason, Refused, Role, Signed, WrongCode
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import NOW, wrong_codes
from tests.drivers.reader.piv.conftest import MakePiv, kind_of

PIN, SIGNATURE = Role.IDENTIFICATION, Role.SIGNATURE
WRONG, WRONG_PUK, NEW = Secret("999998"), Secret("99999998"), Secret("975318")
TRIES = {"C": 5, "D": 3}
MOST_EXCHANGES = 8


async def test_a_card_says_whose_it_is(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        facts = visit.facts
        tries = TRIES[kind_of(card)]
        puk = 3 if kind_of(card) == "D" else None
        assert (facts.kind, facts.profile) == ("piv", f"virtual-{kind_of(card).lower()}")
        assert (facts.holder.name, facts.holder.hsa_id) == (card.persona.name, card.persona.hsa_id)
        assert facts.card_number == card.persona.card_number
        assert [(p.id, p.reference, p.role, p.tries_left) for p in facts.pins] == [
            ("80", 0x80, PIN, tries), ("81", 0x81, Role.PUK, puk),
        ]  # fmt: skip
        assert [(c.id, c.purpose, c.chain) for c in facts.certificates] == [
            ("9a", "identification", "ok"), ("9c", "signature", "ok"),
        ]  # fmt: skip
        more = (await visit.complete()).certificates
        assert [(c.id, c.purpose, c.chain) for c in more[2:4]] == [("9d", "other", "ok"), ("9e", "other", "ok")]
        assert {c.loa for c in facts.certificates} == {card.persona.loa}


async def test_a_card_is_identified_in_few_exchanges(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        whole = sum(-(-len(c.der) // 256) for c in visit.facts.certificates)
        allowed = MOST_EXCHANGES + (whole if kind_of(card) == "C" else 0)
        assert visit.exchange.apdus <= allowed


async def test_change_and_unblock_take_at_most_four_exchanges(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        before = visit.exchange.apdus
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        changed = visit.exchange.apdus
        assert await visit.unblock(PIN, Secret(card.persona.puk), Secret("864209")) == Accepted()
        assert changed - before <= 4
        assert visit.exchange.apdus - changed <= 4


async def test_everything_is_read_on_request_and_each_object_once(reader: CardReader, card: VirtualCard) -> None:
    sent: list[str] = []
    real = card.transmit
    card.transmit = lambda apdu: sent.append(apdu.hex()) or real(apdu)  # type: ignore[method-assign,func-returns-value]
    async with visiting(reader) as visit:
        digest = visit.facts.digest
        first = await visit.complete()
        assert [c.id for c in first.certificates] == ["9a", "9c", "9d", "9e", "82", "83"]
        assert {c.purpose for c in first.certificates[2:]} == {"other"}
        assert first.version == ("1.0" if kind_of(card) == "C" else "5.7.1")
        assert await visit.complete() == first
        assert first.digest == digest
    objects = [command for command in sent if command.startswith("00cb")]
    assert len(objects) == len(set(objects)) >= 7


async def test_a_damaged_certificate_is_told_and_the_rest_still_works(reader: CardReader, card: VirtualCard) -> None:
    der = (await whole(reader)).certificates[0].der
    real = card.transmit
    broken = der[:8] + bytes(16) + der[24:]
    wanted = bytes.fromhex("5c035fc105")

    def transmit(apdu: bytes) -> bytes:
        answer = real(apdu)
        return answer.replace(der[:24], broken[:24]) if wanted in apdu else answer

    card.transmit = transmit  # type: ignore[method-assign]
    async with visiting(reader) as visit:
        assert visit.facts.damaged == ("PIV authentication",)
        assert [c.id for c in visit.facts.certificates] == ["9c"]
        assert visit.facts.holder.hsa_id == card.persona.hsa_id
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        assert (await try_card(visit, "signature")).passed


async def whole(reader: CardReader) -> CardFacts:
    async with visiting(reader) as visit:
        assert visit.facts.damaged == ()
        return visit.facts


@pytest.mark.parametrize("kind", ["C", "D"])
@pytest.mark.parametrize("order", [1, 6])
async def test_a_pickup_on_every_kind_of_key(make_piv: MakePiv, kind: str, order: int) -> None:
    card = make_piv(kind, order)
    slot = VirtualSlot("Bench 1")
    slot.insert(card)
    reader = CardReader(InProcessBackend([slot]), "Bench 1", ReaderSettings(now=lambda: NOW))
    async with visiting(reader) as visit:
        assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        for purpose in ("signature", "identification"):
            assert (await try_card(visit, purpose)).passed
    await reader.close()


async def test_the_signature_key_wants_the_pin_each_time(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        pin = Secret(card.persona.pin)
        assert await visit.sign("signature", b"receipt") == Refused(RefusalReason.CARD, 0x6982)
        await visit.verify(SIGNATURE, pin)
        assert isinstance(await visit.sign("signature", b"receipt"), Signed)
        assert await visit.sign("signature", b"receipt") == Refused(RefusalReason.CARD, 0x6982)
        assert isinstance(await visit.sign("identification", b"log in"), Signed)


async def test_wrong_pins_count_down_and_the_last_needs_consent(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        tries = TRIES[kind_of(card)]
        for number, code in enumerate(wrong_codes(tries - 1), 1):
            assert await visit.verify(PIN, code) == WrongCode(tries - number)
        assert await visit.verify(PIN, WRONG) == Refused(RefusalReason.LAST_TRY, tries_left=1)
        assert await visit.verify(PIN, WRONG, last_try_consented=True) == Locked()
        assert (await visit.refresh()).pins[0].state == "locked"
        assert await visit.change(PIN, Secret(card.persona.pin), NEW, last_try_consented=True) == Locked()
        assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()


async def test_the_puk_is_never_brought_below_one_try(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        outcomes = [await visit.unblock(PIN, puk, NEW) for puk in wrong_codes(6, 8)]
    sent = sum(isinstance(outcome, WrongCode) for outcome in outcomes)
    assert outcomes[0] == WrongCode(2)
    assert sent == 2  # C does not tell its tries, but its answers to a wrong PUK do
    assert isinstance(outcomes[-1], Refused)
    assert outcomes[-1].reason is RefusalReason.BELOW_FLOOR
    assert card.tries_left[1] == 3 - sent >= 1


async def test_the_stations_count_of_a_puk_outlives_the_visit(make_piv: MakePiv) -> None:
    slot, ledger = VirtualSlot("Bench 1"), MemoryLedger()
    slot.insert(make_piv("C"))
    for expected in (WrongCode(2), Refused(RefusalReason.BELOW_FLOOR)):
        reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(ledger=ledger, now=lambda: NOW))
        async with visiting(reader) as visit:
            assert await visit.unblock(PIN, WRONG_PUK, NEW) == expected
        await reader.close()


@pytest.mark.parametrize("new", ["1", "12345", "123456789", "12345a", "", "１２３４５６", "111111", "234567", "987654"])
async def test_a_new_pin_outside_the_rules_never_reaches_the_card(
    reader: CardReader, card: VirtualCard, new: str
) -> None:
    async with visiting(reader) as visit:
        card.log.clear()
        refused = Refused(RefusalReason.POLICY)
        assert await visit.unblock(PIN, Secret(card.persona.puk), Secret(new)) == refused
        assert await visit.change(PIN, Secret(card.persona.pin), Secret(new)) == refused
        assert await visit.change(PIN, Secret(card.persona.pin), Secret(card.persona.pin)) == refused
        assert card.log == []


async def test_a_card_that_left_is_gone(reader: CardReader, slot: VirtualSlot) -> None:
    visit = await reader.visit()
    slot.remove()
    with pytest.raises(CardGoneError):
        await visit.refresh()
    await visit.close()
