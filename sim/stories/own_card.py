"""Own card in stories: whose it is, how it may be prepared, and which code it has in the end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography import x509

from drivers.reader.card_reader import CardReader
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.profiles import Profile, Profiles, Proved
from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.reader.pkcs15_codes import PIN_TRIES, PUK_TRIES
from sim.reader.pki import TestAuthority
from sim.stories.clock import NOW
from sim.stories.foreign import estrange, known_without_ours
from sim.stories.room import Room, RoomWorld, authority, keys_of

WRONG_PIN, WRONG_PUK = "60606060", "50505050"
WRONG_PUKS = [f"505050{number}" for number in range(51, 60)]
"""Others than that: the same one is not sent to a card again."""
MINE = "1:old"
OTHER_EMPLOYER = "SE5560000999-2A01"
"""An HSA-id under an organisation number that nobody has."""


def locked(room: Room) -> None:
    """The card's PIN is locked."""
    room.world.card(MINE).codes.pin.tries_left = 0


def product(*, proved: Proved = "card", **changed: dict[str, Any]) -> Callable[[Room], None]:
    """The holder's card is of a product whose tables (`commands`, `unblocking`) are changed so, and which was tried on that."""

    def prepare(room: Room) -> None:
        profile = room.world.product.model_dump() if isinstance(room.world, RoomWorld) else {}
        tables = {table: profile[table] | rows for table, rows in changed.items()}
        mine = Profile.model_validate(profile | tables | {"proved": proved})
        others = [other for other in room.settings.profiles if other.name != mine.name]
        knowing(Profiles([*others, mine]))(room)

    return prepare


def knowing(profiles: Profiles) -> Callable[[Room], None]:
    """The holder's reader knows those products, and no other."""

    def prepare(room: Room) -> None:
        settings = replace(room.settings, profiles=profiles)
        room.readers.append(CardReader(room.world.backend, room.caps.reader.name, settings))
        room.equip(reader=room.readers[-1])

    return prepare


def traited(*traits: str, name: str = MINE, issuer: TestAuthority | None = None) -> Callable[[Room], None]:
    """The card is of a product with those traits (`sim.reader.traits`), or from another issuer than all others."""

    def prepare(room: Room) -> None:
        persona = room.world.persona(name)
        keys = keys_of(persona) if issuer is None else VirtualCard.create(persona, issuer, NOW).keys
        room.world.cards[name] = VirtualCard(fresh_memory("B", persona, authority(), NOW, keys, traits))

    return prepare


def two_employers(name: str = MINE, second: str = OTHER_EMPLOYER, *, days: int = 10) -> Callable[[Room], None]:
    """The card has a pair for `second` too, which ends so many days later than its own."""

    def prepare(room: Room) -> None:
        persona = room.world.persona(name)
        other = replace(persona, hsa_id=second, lifetime_days=persona.lifetime_days + days)
        keys = (*keys_of(other), *keys_of(persona))
        room.world.cards[name] = VirtualCard(fresh_memory("B", persona, authority(), NOW, keys))

    return prepare


def of_unknown_product(*traits: str) -> Callable[[Room], None]:
    """The card, with those traits, has an answer to reset that no profile names."""

    def prepare(room: Room) -> None:
        traited(*traits)(room)
        estrange(room.world.cards[MINE])
        knowing(Profiles(known_without_ours()))(room)

    return prepare


def change_first(room: Room) -> None:
    """The card lets nobody use its keys before its code was changed, and says so."""
    traited("counter-df21", "must-change")(room)
    product(commands={"counter": "df21"})(room)


def trusting(*anchors: x509.Certificate) -> Callable[[Room], None]:
    """The station trusts those issuers, and no other."""

    def prepare(room: Room) -> None:
        settings = replace(room.settings, trust=TrustStore(anchors))
        room.readers.append(CardReader(room.world.backend, room.caps.reader.name, settings))
        room.equip(reader=room.readers[-1])

    return prepare


def code_is(pin: str, *, tries: tuple[int, int] = (3, 10), of: str = MINE) -> Callable[[Room], None]:
    """The code and the tries that the card has in the end. Told of a card of kind B; of another as many are used."""

    def look(room: Room) -> None:
        card = room.world.card(of)
        codes = card.codes
        of_its_kind = (
            _left(codes.pin.tries_max, PIN_TRIES, tries[0]),
            _left(codes.puk.tries_max, PUK_TRIES, tries[1]),
        )
        assert codes.pin.value == pin.encode()
        assert card.tries_left in (tries, of_its_kind)

    return look


def _left(most: int, most_on_b: int, left_on_b: int) -> int:
    return max(0, most - most_on_b + left_on_b) if left_on_b else 0
