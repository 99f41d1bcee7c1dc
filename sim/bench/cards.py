"""Names of cards on the bench, and what is printed on their plastic: `1:old` is the first person's old card.

>>> card_print("1:new")
{'name': 'Alva Provström', 'hsa_id': 'SE2321000999-1A01', 'number': '9999000020260001'}
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.persona import Persona
from sim.reader.personas import person, with_two_pins
from sim.reader.pki import TestAuthority


@dataclass(frozen=True, slots=True)
class SpecialCard:
    """Special points of a card of the bench: its kind, a PIN that is locked, a second PIN. `note` says so to people."""

    note: str = ""
    kind: str = "B"
    locked: bool = False
    two_pins: bool = False


def make_card(name: str, special: SpecialCard, authority: TestAuthority, now: datetime, path: Path) -> VirtualCard:
    """The card of that name, in that file from now on. Raises LookupError where there is no such card, OSError."""
    holder = persona(name)
    card = VirtualCard.create(
        with_two_pins(holder) if special.two_pins else holder, authority, now, kind=special.kind, path=path
    )
    if special.locked:
        card.lock()
    return card


def persona(name: str) -> Persona:
    """Return the holder of the card of that name. Raises LookupError where there is no such card."""
    number, _, which = name.partition(":")
    if not number.isdecimal() or which not in ("old", "new"):
        raise LookupError(f"there is no card {name!r}: say PERSON:old or PERSON:new")
    someone = person(int(number))
    return someone.old if which == "old" else someone.new


def card_print(name: str) -> dict[str, str]:
    """Return what a person reads on the card; a protected identity has no name there. Raises LookupError."""
    holder = persona(name)
    return {
        "name": "" if holder.protected_identity else holder.name,
        "hsa_id": holder.hsa_id,
        "number": holder.number_on_card,
    }


def made_up_pin(number: str | None, names: Iterable[str]) -> Secret | None:
    """The code of the card with that number, if it is one of these; None where it is not."""
    owner = next((holder for holder in map(persona, names) if holder.card_number == number), None)
    return None if owner is None else Secret(owner.pin)


def sort_key(name: str) -> tuple[int, str]:
    """Sorts names by person, and then by card."""
    number, _, which = name.partition(":")
    return int(number), which
