"""Persona of a virtual card, its holder and print: made-up data from which a card is made.

Validity is in days relative to the day on which the card is made, because time is passed in.
"""

from dataclasses import dataclass, field
from typing import Literal

KeyAlgorithm = Literal["RSA-2048", "RSA-3072", "EC-P256", "EC-P384", "EC-P521", "Ed25519"]


@dataclass(frozen=True, slots=True)
class Persona:
    """One card of one invented person. The codes are those of the letter; the card may hold others by now."""

    given_name: str
    surname: str
    hsa_id: str
    card_number: str
    """Digits, as in the certificates."""
    serial: str
    """The chip's serial number: ten bytes as hex."""
    loa: Literal[2, 3]
    pin: str = field(repr=False)
    puk: str = field(repr=False)
    key_algorithm: KeyAlgorithm = "RSA-2048"
    issued_days_ago: int = 1
    lifetime_days: int = 1826
    printed_number: str = ""
    """The number on the plastic where it differs from the certificates' (a wrong card); else empty."""
    protected_identity: bool = False
    signature_pin: str = field(default="", repr=False)
    """A code of its own for the signature key, as older cards have it (kind B only); empty: one code for both."""
    shape: str = "one-pair"
    """Which certificates the card has: a name of `sim.reader.shapes`."""

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.surname}"

    @property
    def number_on_card(self) -> str:
        """Number that a person reads, or a scanner scans, on the plastic."""
        return self.printed_number or self.card_number
