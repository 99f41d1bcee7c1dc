"""A card that lists no PUK among its codes (ISO/IEC 7816-15 8.9): its profile says how the PUK goes out."""

from collections.abc import Callable

import pytest

from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role, WrongCode
from drivers.reader.profiles import Profile, Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.personas import person, with_two_pins
from sim.reader.pinpad import PadBackend
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW, visit_to

PIN, SIGNATURE = Role.IDENTIFICATION, Role.SIGNATURE
NEW, WRONG_PUK = Secret("975318"), Secret("99999998")
PERSONA = person(EC_PERSON).new
MakeCard = Callable[..., VirtualCard]


@pytest.fixture
def make(authority: TestAuthority) -> MakeCard:
    def make(kind: str = "B", *, two_pins: bool = False) -> VirtualCard:
        persona = with_two_pins(PERSONA) if two_pins else PERSONA
        return VirtualCard.create(persona, authority, NOW, kind=kind, traits=["no-puk-object"])

    return make


def profiles(kind: str = "B", puk: dict[str, object] | None = None, **commands: object) -> Profiles:
    """The virtual card's product, with another PUK or other commands."""
    profile = builtin().match_name(f"virtual-{kind.lower()}")
    plain = profile.model_dump()
    changed = {"puk": plain["puk"] | (puk or {}), "commands": plain["commands"] | commands}
    return Profiles([Profile.model_validate(plain | changed)])


@pytest.mark.parametrize("kind", ["A", "B"])
async def test_a_locked_pin_is_unlocked_and_the_station_counts_the_puks_tries(make: MakeCard, kind: str) -> None:
    card = make(kind)
    async with visit_to(card) as visit:
        for _ in range(3):
            await visit.verify(PIN, Secret("999998"), last_try_consented=True)
        puk = visit.facts.pin(Role.PUK)
        assert puk is not None
        assert (puk.tries_left, puk.min_length, puk.max_length) == (None, 8, 8)
        assert await visit.unblock(PIN, WRONG_PUK, NEW) == WrongCode(card.tries_left[1])
        assert await visit.unblock(PIN, Secret(PERSONA.puk), NEW) == Accepted()
        assert await visit.verify(PIN, NEW) == Accepted()


async def test_a_reference_lets_the_card_tell_the_puks_tries(make: MakeCard) -> None:
    async with visit_to(make(), profiles(puk={"reference": 2})) as visit:
        puk = visit.facts.pin(Role.PUK)
        assert puk is not None
        assert (puk.reference, puk.tries_left) == (2, 10)


@pytest.mark.parametrize("variant", ["verify-then-new", "verify-then-reset"])
async def test_a_puk_that_is_verified_first_needs_its_reference(make: MakeCard, variant: str) -> None:
    for named, outcome in ((None, Refused(RefusalReason.NOT_ALLOWED)), (2, Accepted(variant == "verify-then-new"))):
        card = make()
        async with visit_to(card, profiles(puk={"reference": named}, unblock=variant)) as visit:
            assert await visit.unblock(PIN, Secret(PERSONA.puk), NEW) == outcome
            assert card.tries_left[1] == 10


@pytest.mark.parametrize(
    ("puk", "field"),
    [({}, "ff"), ({"pad": 0}, "00"), ({"pad": 0, "stored_length": 12}, "00" * 5), ({"stored_length": 7}, "")],
)
async def test_the_puk_goes_out_as_the_profile_says_else_as_the_pin_does(
    make: MakeCard, puk: dict[str, object], field: str
) -> None:
    card, sent = make(), list[bytes]()
    real = card.transmit
    card.transmit = lambda apdu: (sent.append(apdu), real(apdu))[1]  # type: ignore[method-assign]
    entry = "7654321"
    async with visit_to(card, profiles(puk=puk | {"min_length": 6, "max_length": 7})) as visit:
        await visit.unblock(PIN, Secret(entry), NEW)
    data = next(apdu[5:] for apdu in sent if apdu[1] == 0x2C)
    assert data.hex() == entry.encode().hex() + field + NEW.reveal().encode().hex() + "ffff"


async def test_both_pins_of_a_card_are_unlocked(make: MakeCard) -> None:
    card = make(two_pins=True)
    async with visit_to(card) as visit:
        assert [pin.role for pin in visit.facts.pins] == [PIN, SIGNATURE, Role.PUK, Role.PUK]
        for role in (SIGNATURE, PIN):
            card.log.clear()
            assert await visit.unblock(role, Secret(PERSONA.puk), NEW) == Accepted()
            assert await visit.verify(role, NEW) == Accepted()


async def test_at_the_readers_keys_too(make: MakeCard) -> None:
    card, slot = make(), VirtualSlot("Pad 0")
    card.lock()
    slot.insert(card)
    backend = PadBackend([slot])
    reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW))
    async with visiting(reader) as visit:
        assert visit.unblock_lengths_at_pad(PIN) == (8, 8)
        backend.typed += [PERSONA.puk, "24681357", "24681357", "24681357"]
        assert await visit.unblock_at_pad(PIN) == Accepted()
        assert await visit.verify_at_pad(PIN) == Accepted()
    await reader.close()


async def test_the_generic_profile_shows_no_puk_and_sends_none(make: MakeCard) -> None:
    async with visit_to(make(), Profiles([builtin().match_name("pkcs15")])) as visit:
        assert visit.facts.pin(Role.PUK) is None
        assert await visit.unblock(PIN, Secret(PERSONA.puk), NEW) == Refused(RefusalReason.NOT_ALLOWED)
