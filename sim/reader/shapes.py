"""Shapes of virtual cards: which pairs of certificates lie beside the pair that names the holder, in which order, until when.

Public pages of the issuer list, on one card, two certificates with a personal identity number and two with an HSA-id, often old
ones beside them, and a second pair for people with two employers. Which comes first and which lasts longest, no page tells.

>>> [pair.issuer for pair in SHAPES["siths"].before], SHAPES["siths"].after
(['person-id'], ())
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sim.reader.keys import PURPOSES, CardPrivateKey, StoredKey, generate
from sim.reader.persona import KeyAlgorithm, Persona
from sim.reader.pki import IssuerName, KeyPurpose, TestAuthority

T = TypeVar("T")
MakeKey = Callable[[KeyAlgorithm], CardPrivateKey]
OTHER_EMPLOYER = "SE5560000999-2"
"""Begins the HSA-id of a second employer: an organisation number that nobody has."""
EXPIRED_FOR, OLDER = 30, 400
"""Days since an expired pair ended, and by which it is older than the holder's own."""


def personal_number(persona: Persona) -> str:
    """A number in the form of a personal identity number that can be nobody's: its check digit (Luhn) is wrong."""
    digits = f"010101{persona.card_number[-3:]}"
    doubled = (int(digit) * (2 - at % 2) for at, digit in enumerate(digits))
    right = -sum(number // 10 + number % 10 for number in doubled) % 10
    return f"19{digits}{(right + 1) % 10}"


@dataclass(frozen=True, slots=True)
class Pair:
    """Certificates for log-in and signature, beside the holder's own pair. `issuer` None: the same."""

    issuer: IssuerName | None = None
    days: int = 0
    """It ends so many days after the holder's own; sooner, where negative."""
    expired: bool = False
    other_employer: bool = False
    same_keys: bool = False
    """It is for the keys of the holder's own pair."""

    def persona(self, holder: Persona) -> Persona:
        """Return the holder whom its certificates name, and until when."""
        if self.expired:
            older = holder.issued_days_ago + OLDER
            return replace(holder, issued_days_ago=older, lifetime_days=older - EXPIRED_FOR)
        hsa_id = OTHER_EMPLOYER + holder.hsa_id[-3:] if self.other_employer else holder.hsa_id
        named = personal_number(holder) if self.issuer == "person-id" else hsa_id
        return replace(holder, hsa_id=named, lifetime_days=holder.lifetime_days + self.days)


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape. On PIV the holder's own pair has the ordinary places, and the others lie in retired ones."""

    title: str
    before: tuple[Pair, ...] = ()
    """Listed before the holder's own pair."""
    after: tuple[Pair, ...] = ()
    authorities: bool = False
    """The issuer's own certificates lie beside them (PKCS#15)."""
    algorithm: KeyAlgorithm | None = None
    """Of all keys, in place of the persona's."""

    @property
    def beside(self) -> tuple[Pair, ...]:
        return (*self.before, *self.after)

    def listed(self, pairs: Sequence[T]) -> list[T]:
        """In the card's order; given are two of each pair, the holder's own first."""
        own, others = list(pairs[: len(PURPOSES)]), list(pairs[len(PURPOSES) :])
        at = len(PURPOSES) * len(self.before)
        return [*others[:at], *own, *others[at:]]


PERSON_ID = Pair("person-id")
LONGER = replace(PERSON_ID, days=10)
OLD = Pair("old", days=5)
SHAPES: Mapping[str, Shape] = {
    "one-pair": Shape("one pair, with an HSA-id"),
    "siths": Shape("a pair with a personal identity number, first and longer", (LONGER,)),
    "person-id-first": Shape("the same, with the same end", (PERSON_ID,)),
    "person-id-last": Shape("the same, listed last", (), (PERSON_ID,)),
    "person-id-longer": Shape("the same, last and longer", (), (LONGER,)),
    "person-id-shorter": Shape("the same, first and ending sooner", (replace(PERSON_ID, days=-10),)),
    "same-keys": Shape("the same, first, for the same two keys", (replace(LONGER, same_keys=True),)),
    "two-employers": Shape("a second HSA-id, at another employer, first and longer", (Pair(days=10, other_employer=True),)),
    "old-ca": Shape("a pair of an old issuer whom nobody trusts any more, first and longer", (OLD,)),
    "expired-beside": Shape("an expired pair first", (Pair(expired=True),)),
    "six": Shape("six certificates: old issuer, personal identity number, HSA-id", (OLD, LONGER)),
    "authorities": Shape("the issuers' certificates beside two pairs", (LONGER,), authorities=True),
    "rsa-2048": Shape("two pairs, RSA of 2048 bits", (LONGER,), algorithm="RSA-2048"),
    "rsa-3072": Shape("two pairs, RSA of 3072 bits", (LONGER,), algorithm="RSA-3072"),
    "p-384": Shape("two pairs, P-384", (LONGER,), algorithm="EC-P384"),
}  # fmt: skip


def issue_keys(
    persona: Persona, authority: TestAuthority, now: datetime, make: MakeKey = generate
) -> tuple[StoredKey, ...]:
    """Keys and certificates of a card of that persona's shape, its holder's own pair first. Raises KeyError."""
    shape = SHAPES[persona.shape]
    algorithm = shape.algorithm or persona.key_algorithm
    keys: list[StoredKey] = []

    def add(pair: Pair, purpose: KeyPurpose, private: CardPrivateKey) -> None:
        holder, public = pair.persona(persona), private.public_key()
        keys.append(StoredKey(purpose, private, authority.issue(holder, public, purpose, now, pair.issuer)))

    for pair in (Pair(), *shape.beside):
        for own, purpose in enumerate(PURPOSES):
            add(pair, purpose, keys[own].private if pair.same_keys else make(algorithm))
    return tuple(keys)
