"""Rogue cards read as the true card does, take any code, and cannot sign as it does."""

from collections.abc import Callable
from typing import Literal

import pytest

from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.errors import CardAnswerError
from drivers.reader.model import CardFacts, Purpose
from drivers.reader.outcomes import Accepted, Refused, Role, Signed, SignOutcome
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.pki import TestAuthority
from sim.reader.rogue import Signs, copy_card, false_new_card, interpose_card
from sim.reader.slot import VirtualSlot
from tests.sim.reader.conftest import NOW
from tests.sim.reader.speak import NEW, PUK, Talk

KINDS = ("A", "B", "C", "D")
MADE_UP_PIN = "97531864"
Outcome = SignOutcome | Literal["a signature of another key", "another fault"]


class Bench:
    """One reader, into which cards are put one after the other."""

    def __init__(self, authority: TestAuthority) -> None:
        self._trust = TrustStore(authority.anchors(), authority.intermediates())

    async def signs(self, card: VirtualCard, pin: str, purpose: Purpose = "identification") -> Outcome:
        """What a card signs once it has taken that PIN."""
        slot = VirtualSlot("Bench 0")
        slot.insert(card)
        settings = ReaderSettings(trust=self._trust, now=lambda: NOW)
        reader = CardReader(InProcessBackend([slot]), slot.name, settings)
        try:
            async with visiting(reader) as visit:
                self.facts: CardFacts = visit.facts
                assert await visit.verify(Role.IDENTIFICATION, Secret(pin)) == Accepted()
                return await visit.sign(purpose, b"made up")
        except CardAnswerError as fault:
            return "a signature of another key" if "not its key's" in str(fault) else "another fault"
        finally:
            await reader.close()


@pytest.fixture
def bench(authority: TestAuthority) -> Bench:
    return Bench(authority)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ["EC-P256", "RSA-2048"])
async def test_a_copy_has_all_that_can_be_read_and_no_signature(
    make_card: Callable[..., VirtualCard], bench: Bench, kind: str, algorithm: str
) -> None:
    """Facts and certificates are equal, any PIN is taken, and no signature holds."""
    card = make_card(algorithm, kind=kind)
    assert isinstance(await bench.signs(card, card.persona.pin), Signed)
    true = bench.facts
    wanted: dict[Signs, object] = {
        "nothing": Refused, "garbage": "a signature of another key", "own key": "a signature of another key",
    }  # fmt: skip
    for signs, outcome in wanted.items():
        rogue = copy_card(card, signs)
        found = await bench.signs(rogue, MADE_UP_PIN)
        assert found == outcome or (isinstance(outcome, type) and isinstance(found, outcome)), signs
        assert (bench.facts.digest, bench.facts.serial) == (true.digest, true.serial)
        assert (bench.facts.card_number, bench.facts.holder) == (true.card_number, true.holder)
        assert rogue.has_heard(MADE_UP_PIN)
        assert not rogue.has_heard("11111111")
    assert card.tries_left == (KIND_TRIES[kind], card.memory.puk.tries_max)


KIND_TRIES = {"A": 3, "B": 3, "C": 5, "D": 3}


@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
async def test_a_copy_works_under_either_protocol(
    make_card: Callable[..., VirtualCard], bench: Bench, protocol: str
) -> None:
    rogue = copy_card(make_card("RSA-2048", kind="B", protocol=protocol), "garbage")
    assert await bench.signs(rogue, MADE_UP_PIN) == "a signature of another key"


@pytest.mark.parametrize("kind", KINDS)
def test_a_false_new_card_takes_puk_and_new_pin_and_remembers_them(
    make_card: Callable[..., VirtualCard], kind: str
) -> None:
    rogue = false_new_card(make_card(kind=kind))
    rogue.power_on()
    assert Talk(rogue).unblock(PUK, NEW) == "9000"
    assert rogue.has_heard(PUK)
    assert rogue.has_heard(NEW)
    assert [entry.command for entry in rogue.heard] == ["RESET RETRY COUNTER"]
    assert NEW not in repr(rogue.heard)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_interposer_lets_the_true_card_judge_the_code_and_signs_itself(
    make_card: Callable[..., VirtualCard], bench: Bench, kind: str
) -> None:
    card = make_card(kind=kind)
    assert await bench.signs(interpose_card(card), card.persona.pin) == "a signature of another key"
    refusing = interpose_card(card, signs="nothing")
    assert isinstance(await bench.signs(refusing, card.persona.pin), Refused)
    refusing.power_on()
    assert Talk(refusing).verify("00000000").startswith("63C")


@pytest.mark.parametrize("kind", KINDS)
async def test_the_other_way_round_the_true_card_has_seen_no_code(
    make_card: Callable[..., VirtualCard], bench: Bench, kind: str
) -> None:
    card = make_card(kind=kind)
    assert isinstance(await bench.signs(interpose_card(card, "copy first"), MADE_UP_PIN), Refused)


@pytest.mark.parametrize("kind", ["C", "D"])
def test_a_copy_proves_no_management_key_and_takes_any_proof_of_it(
    make_card: Callable[..., VirtualCard], kind: str
) -> None:
    rogue = copy_card(make_card(kind=kind), "own key")
    rogue.power_on()
    talk, algorithm = Talk(rogue), {"C": "03", "D": "0A"}[kind]
    word, witness = talk.ask(f"0087{algorithm}9B", bytes.fromhex("7C028000"), "00")
    assert (word, witness[:3].hex()) == ("9000", {"C": "7c0a80", "D": "7c1280"}[kind])
    block = len(witness) - 4
    answer = bytes([0x7C, 2 * block + 4, 0x80, block]) + bytes(block) + bytes([0x81, block]) + bytes(block)
    word, proof = talk.ask(f"0087{algorithm}9B", answer, "00")
    assert (word, proof[2]) == ("9000", 0x82)
    assert talk.send(f"0087{algorithm}9B", bytes([0x7C, block + 2, 0x82, block]) + bytes(block)) == "9000"
