"""Seed of the demo's simulated issuer: the people in its register, their cards, and the states of these.

Some are as cards are in real life: one assignment ends soon (7), one person has left (4), one has changed name (6), one has
forgotten the card, which is on hold (8), one holds a reserve card (12). Files go into a folder that
`kortkiosk-fleet issuer-simulator` serves.
"""

import base64
import json
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages import issuing
from fleet.messages.issuing import CardRecord, CardState
from sim.reader.administrative_key import CHALLENGE_BYTES, answer_to, key_of
from sim.reader.cards import VirtualCard
from sim.reader.persona import Persona
from sim.reader.personas import MadeUpPerson, administrators, people
from sim.reader.piv.memory import FACTORY_MANAGEMENT_KEY
from sim.reader.pki import TestAuthority

ENDS_SOON, LEFT, RENAMED, FORGOTTEN, RESERVE = 7, 4, 6, 8, 12
SEED = "seed.json"


def issuer_files(folder: Path, cards_authority: Path, now: datetime, orders: str, posted: Collection[int] = ()) -> None:
    """Write the seed, the cards' keys and an empty region; make the cards' authority where there is none. Raises OSError."""
    TestAuthority.load_or_create(cards_authority, now)
    (folder / "region").mkdir(mode=0o700, parents=True, exist_ok=True)
    seed = {
        "people": [_person(person, now) for person in (*people(), *administrators())],
        "cards": [card for person in (*people(), *administrators()) for card in _cards(person, now, posted)],
        "pukes": {card.card_number: card.puk for person in people() for card in (person.old, person.new)},
        "orders": orders,
    }
    (folder / SEED).write_bytes(msgspec.json.encode(seed))
    key = base64.b64encode(FACTORY_MANAGEMENT_KEY).decode()
    management = [{"algorithm": algorithm, "key": key} for algorithm in ("AES-192", "3DES")]
    everybody = (*people(), *administrators())
    unblock = {card.card_number: [_own_key(card.serial)] for person in everybody for card in (person.old, person.new)}
    path = folder / "card-keys.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"management": {"*": management}, "unblock": unblock}), encoding="utf-8")


def _own_key(serial: str) -> dict[str, str]:
    """The administrative key that a card of kind B was issued with; a card of another kind has none, and never asks for it."""
    key = key_of(serial)
    check = answer_to(bytes(CHALLENGE_BYTES), key)[:3].hex()
    return {"algorithm": "AES-256", "key": base64.b64encode(key).decode(), "serial": serial, "check": check}


def tell_certificates(folder: Path, cards: Iterable[VirtualCard]) -> None:
    """Add to the seed what these cards were issued with, so that a block revokes it. Raises OSError."""
    content = {
        card.persona.card_number: [
            base64.b64encode(key.certificate.public_bytes(Encoding.DER)).decode() for key in card.keys
        ]
        for card in cards
    }
    seed = json.loads((folder / SEED).read_bytes())
    (folder / SEED).write_text(json.dumps({**seed, "certificates": content}, ensure_ascii=False), encoding="utf-8")


def _person(person: MadeUpPerson, now: datetime) -> issuing.DirectoryPerson:
    def day(days: int) -> str:
        return (now + timedelta(days=days)).date().isoformat()

    return issuing.DirectoryPerson(
        person.hsa_id,
        None if person.protected_identity else person.name,
        protected=person.protected_identity,
        employed_until=day(45) if person.order in (ENDS_SOON, RESERVE) else None,
        left=day(-20) if person.order == LEFT else None,
        name_changed=day(-60) if person.order == RENAMED else None,
    )


def _cards(person: MadeUpPerson, now: datetime, posted: Collection[int]) -> list[CardRecord]:
    if person.administrator:
        return [_card(person, person.new, "active")]
    old = _card(person, person.old, "active", reserve=person.order == RESERVE)
    if person.order == FORGOTTEN:
        old = msgspec.structs.replace(old, state="held", held_from="active", hold_reason="forgotten")
    if person.order not in posted:
        return [old, _card(person, person.new, "waiting")]
    until = (now + timedelta(days=90)).date().isoformat()
    return [old, msgspec.structs.replace(_card(person, person.new, "handed_out"), activate_by=until)]


def _card(owner: MadeUpPerson, card: Persona, state: CardState, *, reserve: bool = False) -> CardRecord:
    return CardRecord(
        card.card_number, owner.hsa_id, "reserve" if reserve else "ordinary", state, loa=card.loa, reserve=reserve
    )
