"""The invented people of demo and tests: twelve holders and two ID administrators, each with an old and a new card.

Everything is made up: names, HSA-ids below an organisation number that nobody has, card numbers that begin with
9999, codes. The holder knows the PIN of the old card; the new card's PUK comes in its letter.
"""

from dataclasses import dataclass, replace
from typing import Literal

from sim.reader.persona import KeyAlgorithm, Persona

PIN = "246813"
"""Every invented card's first PIN."""
SIGNATURE_PIN = "864297"
"""The second code of an invented card that has two."""
_OLD_ISSUED_DAYS_AGO = 1800
_EXPIRED_ISSUED_DAYS_AGO = 1840


@dataclass(frozen=True, slots=True)
class MadeUpPerson:
    """One invented person. `order` counts from 1."""

    order: int
    hsa_id: str
    old: Persona
    new: Persona
    protected_identity: bool = False
    administrator: bool = False

    @property
    def name(self) -> str:
        return self.new.name


def _card(
    order: int,
    names: tuple[str, str],
    variant: Literal[1, 2],
    *,
    loa: Literal[2, 3] = 3,
    algorithm: KeyAlgorithm = "RSA-2048",
    issued_days_ago: int = 1,
    protected: bool = False,
) -> Persona:
    return Persona(
        given_name=names[0],
        surname=names[1],
        hsa_id=_hsa_id(order),
        card_number=f"99990000{variant}0260{order:03d}",
        serial=f"0000000000009999{order:02d}{variant:02d}",
        loa=loa,
        pin=PIN,
        puk=f"{864209 if variant == 1 else 135792}{order:02d}",
        key_algorithm=algorithm,
        issued_days_ago=issued_days_ago,
        protected_identity=protected,
    )


def _hsa_id(order: int) -> str:
    return f"SE2321000999-1A{order:02d}"


def _person(
    order: int,
    given_name: str,
    surname: str,
    *,
    loa: Literal[2, 3] = 3,
    algorithm: KeyAlgorithm = "RSA-2048",
    old_issued_days_ago: int = _OLD_ISSUED_DAYS_AGO,
    protected: bool = False,
    administrator: bool = False,
) -> MadeUpPerson:
    names = (given_name, surname)
    return MadeUpPerson(
        order=order,
        hsa_id=_hsa_id(order),
        old=_card(order, names, 1, issued_days_ago=old_issued_days_ago, protected=protected),
        new=_card(order, names, 2, loa=loa, algorithm=algorithm, protected=protected),
        protected_identity=protected,
        administrator=administrator,
    )


_PEOPLE = (
    _person(1, "Alva", "Provström"),
    _person(2, "Birger", "Påhittlund"),
    _person(3, "Cajsa", "Exempelgren"),
    _person(4, "Danilo", "Testborg", old_issued_days_ago=_EXPIRED_ISSUED_DAYS_AGO),
    _person(5, "Ebba", "Låtsasberg", protected=True),
    _person(6, "Folke", "Kurvholm", algorithm="EC-P256"),
    _person(7, "Gunvor", "Fejkdahl"),
    _person(8, "Hamid", "Modellsson"),
    _person(9, "Ingrid", "Skissmark"),
    _person(10, "Jalmar", "Utkastén"),
    _person(11, "Kerstin", "Attrappqvist"),
    _person(12, "Lova", "Reservfors", loa=2),
    _person(13, "Maj", "Utlämningsdotter", administrator=True),
    _person(14, "Nils", "Kvittensby", administrator=True),
)


def people() -> tuple[MadeUpPerson, ...]:
    """The twelve card holders, in order."""
    return tuple(person for person in _PEOPLE if not person.administrator)


def administrators() -> tuple[MadeUpPerson, ...]:
    """The two ID administrators; `new` is the card that they use."""
    return tuple(person for person in _PEOPLE if person.administrator)


def person(order: int) -> MadeUpPerson:
    """Person number `order`, from 1; the administrators come last. Raises LookupError."""
    for someone in _PEOPLE:
        if someone.order == order:
            return someone
    raise LookupError(f"there is no person number {order}: they go from 1 to {len(_PEOPLE)}")


def with_two_pins(persona: Persona) -> Persona:
    """The same card with a code of its own for signatures, as older cards have it (kind B only)."""
    return replace(persona, signature_pin=SIGNATURE_PIN)
