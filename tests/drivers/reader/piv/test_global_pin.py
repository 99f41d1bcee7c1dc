"""A PIV card whose holder's PIN is the card's global one, beside which the application has a PIN of its own."""

from drivers.reader.card_reader import try_card
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role, WrongCode
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.personas import SIGNATURE_PIN, person
from sim.reader.piv.codes import PivCodes
from sim.reader.pki import TestAuthority
from tests.drivers.reader.conftest import EC_PERSON, NOW, visit_to

PIN, NEW = Role.IDENTIFICATION, Secret("975318")


async def test_the_global_pin_has_tries_of_its_own_and_the_puk_does_not_unlock_it(authority: TestAuthority) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind="C", traits=("global-pin",))
    async with visit_to(card) as visit:
        assert [(pin.label, pin.reference, pin.tries_left) for pin in visit.facts.pins[:2]] == [
            ("Global PIN", 0x00, 5), ("PIN", 0x80, 5),
        ]  # fmt: skip
        assert visit.facts.rules.unblocking == "nobody"
        assert await visit.verify(PIN, Secret(SIGNATURE_PIN)) == WrongCode(4)
        assert isinstance(card.codes, PivCodes)
        assert (card.codes.pin.tries_left, card.codes.local.tries_left) == (4, 5)
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()
        assert (await try_card(visit, "identification")).passed
        refused = await visit.unblock(PIN, Secret(card.persona.puk), Secret("123987"))
        assert (refused, card.codes.puk.tries_left) == (Refused(RefusalReason.NOT_ALLOWED), 3)
