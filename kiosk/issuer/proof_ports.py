"""Port of proof of possession: a card signs what its holder means, and the signature is verified at this station."""

import base64
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drivers.reader.model import CardFacts
from drivers.reader.outcomes import SignOutcome
from fleet.messages.asking import PersonAsk, ask_digest
from fleet.messages.mandates import Algorithm, Proof, wish_bytes

P = TypeVar("P", bound=PersonAsk)

Signer = Callable[[bytes], Awaitable[SignOutcome]]
"""Signs with the identification key of the card in the reader, its code verified: `lambda m: visit.sign("identification", m)`."""


@dataclass(frozen=True, slots=True)
class PersonProof:
    """Proof of who somebody is: their card's signature over a mandate, verified at this station (docs/decisions, 0040)."""

    hsa_id: str
    card_number: str
    station: str
    mandate: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    """DER."""
    signature: bytes = field(repr=False)
    algorithm: str
    visit_key: Ed25519PrivateKey = field(repr=False)
    by_server: bool
    """The nonce is the server's; with one of our own the server only blocks and holds."""
    loa: int | None = None
    hsa_ids: frozenset[str] = frozenset()
    """All that the card names: one person's."""

    def wish(self, ask: PersonAsk) -> Proof:
        """This person behind that very ask, reply key and all."""
        algorithm = next(choice for choice in get_args(Algorithm) if choice == self.algorithm)
        signed = self.visit_key.sign(wish_bytes(self.station, ask_digest(ask)))
        return Proof(
            mandate=_text(self.mandate), certificate=_text(self.certificate), signature=_text(self.signature),
            algorithm=algorithm, wish=_text(signed),
        )  # fmt: skip


def with_proofs(ask: P, people: Iterable[PersonProof]) -> P:
    """The ask with everybody's proof, made last: it covers all else that the ask says."""
    return msgspec.structs.replace(ask, proofs=tuple(person.wish(ask) for person in people))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass(frozen=True, slots=True)
class NotGenuine:
    """A signature that is not by the key of the card's certificate: a copy."""


@dataclass(frozen=True, slots=True)
class NotSigned:
    """The card does not sign. It proves nobody."""


@dataclass(frozen=True, slots=True)
class Torn:
    """The card went while it signed."""


class Proofs(Protocol):
    """Proof of possession of a card."""

    async def prove(
        self, facts: CardFacts, sign: Signer, means: tuple[str, ...], nonce: str = ""
    ) -> PersonProof | NotGenuine | NotSigned | Torn:
        """Have the card sign what is meant (`fleet.messages.mandates.means_of`), and verify that against the certificate that
        names its holder. The code has been verified. Raises CardGoneError as `Visit.sign` does."""
