"""What a receipt says. Never a code, never a personal identity number; no name where the identity is protected."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Signed = Literal["card", "attested"]


class ReceiptError(ValueError):
    """A receipt that cannot be made, or bytes that are none; the text says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by HSA-id. `name` is None where the identity is protected."""

    hsa_id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What happened, before it is signed. `time` is aware; it is kept in UTC, whole seconds."""

    kind: str
    """`pickup`, ..."""
    time: datetime
    station: str
    """The station's name, as in its certificate."""
    place: str
    """Where it stands, in words."""
    order: str | None
    card_number: str
    holder: Person
    identified_by: Literal["old_card", "administrator"]
    administrator: Person | None
    document_kind: str | None
    """Which kind of ID document the administrator saw."""
    terms: str
    """Version of the terms that were accepted."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the QR code says of a receipt."""

    number: str
    kind: str
    time: datetime
    station: str
    card_tail: str
    """The last eight digits of the card's number."""
    digest: bytes
    """SHA-256 of the whole receipt document."""
