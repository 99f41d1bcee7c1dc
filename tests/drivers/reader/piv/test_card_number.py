"""The number of a PIV card whose certificates do not say it: the serial as the card tells it, and none where it tells none."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.errors import CardChangedError
from drivers.reader.outcomes import Role
from drivers.reader.profiles import CertificateRules, IssuerRules, Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.piv import objects as piv_objects
from sim.reader.piv.references import CAPABILITIES, CERTIFICATE_OBJECTS, CHUID
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import NOW
from tests.drivers.reader.piv.conftest import MakePiv

NEW = Secret("975318")


def bare_reader(card: VirtualCard, issuers: Sequence[IssuerRules] | None = ()) -> CardReader:
    """A reader whose profiles do not know where the number of our made-up cards stands, as of every foreign card, and knows
    those issuers; None for the ones that ship."""
    profiles = [builtin().match_name(f"virtual-{kind}") for kind in "cd"]
    bare = [profile.model_copy(update={"certificates": CertificateRules()}) for profile in profiles]
    slot = VirtualSlot("Bench 1")
    slot.insert(card)
    settings = ReaderSettings(profiles=Profiles(bare, issuers=issuers), now=lambda: NOW)
    return CardReader(InProcessBackend([slot]), "Bench 1", settings)


def renumbered(card: VirtualCard, serial: str) -> VirtualCard:
    return VirtualCard(replace(card.memory, persona=replace(card.persona, serial=serial)))


def without(card: VirtualCard, *tags: int) -> VirtualCard:
    """The same card, its serial all zeros, without those objects."""
    card = renumbered(card, "00" * 10)
    assert card.memory.piv is not None
    for tag in tags:
        card.memory.piv.objects.pop(tag, None)
    return card


async def test_a_guid_is_printed_in_hex_once(make_piv: MakePiv) -> None:
    card = make_piv("C")
    async with visiting(bare_reader(card)) as visit:
        assert visit.facts.card_number == visit.facts.serial == piv_objects.guid(card.persona).hex.upper()


async def test_a_token_has_the_decimal_number_that_is_printed_on_it(make_piv: MakePiv) -> None:
    card = renumbered(make_piv("D"), "00" * 6 + "00BC614E")
    async with visiting(bare_reader(card)) as visit:
        assert visit.facts.card_number == visit.facts.serial == "12345678"


async def test_a_token_that_tells_zero_has_the_number_of_its_chuid(make_piv: MakePiv) -> None:
    issued = make_piv("D")
    async with visiting(bare_reader(renumbered(issued, "00" * 10))) as visit:
        assert visit.facts.card_number == piv_objects.guid(issued.persona).hex.upper()


@pytest.mark.parametrize("kind", ["C", "D"])
async def test_a_card_that_tells_no_serial_has_no_number(make_piv: MakePiv, kind: str) -> None:
    async with visiting(bare_reader(without(make_piv(kind), CHUID, CAPABILITIES))) as visit:
        assert (visit.facts.serial, visit.facts.card_number) == ("", "")


@pytest.mark.parametrize("kind", ["C", "D"])
async def test_the_number_is_the_certificates_where_their_issuer_is_known(make_piv: MakePiv, kind: str) -> None:
    card = make_piv(kind)
    async with visiting(bare_reader(card, issuers=None)) as visit:
        assert visit.facts.card_number == card.persona.card_number != visit.facts.serial


async def test_a_token_without_serial_and_certificate_is_never_the_same_card(make_piv: MakePiv) -> None:
    card = without(make_piv("D"), CHUID, CAPABILITIES, *CERTIFICATE_OBJECTS.values())
    async with visiting(bare_reader(card)) as visit:
        with pytest.raises(CardChangedError):
            await visit.change(Role.IDENTIFICATION, Secret(card.persona.pin), NEW)
    assert card.codes.pin.value == card.persona.pin.encode()
