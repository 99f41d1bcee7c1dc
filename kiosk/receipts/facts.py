"""Receipt content. Never a code, never a personal identity number; no name where the identity is protected."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Signed = Literal["card", "attested"]
IdentifiedBy = Literal["old_card", "administrator", "release_code", "card", "number"]
"""Another valid card and its PIN, an administrator, the letter's release code, the card itself and its PIN, or only the
number that is printed on it."""


class ReceiptError(ValueError):
    """A receipt that cannot be made, or bytes that are none; the text says why."""


@dataclass(frozen=True, slots=True)
class ReceiptPerson:
    """Somebody by HSA-id. `name` is None where the identity is protected."""

    hsa_id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class ReceiptDetail:
    """One more thing that a receipt says: `receipt.detail.CODE` is its label."""

    code: str
    value: str


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """The facts of a receipt, before it is signed. `time` is aware; it is kept in UTC, whole seconds."""

    kind: str
    """`pickup`, ..."""
    time: datetime
    station: str
    """The station's name, as in its certificate."""
    place: str
    """Where it stands, in words."""
    order: str | None
    card_number: str
    """Empty where the receipt is about no single card."""
    holder: ReceiptPerson
    """Whose card it is; where it is about none, who did it."""
    identified_by: IdentifiedBy
    administrator: ReceiptPerson | None
    document_kind: str | None
    """Which kind of ID document the administrator saw."""
    terms: str
    """Version of the terms that were accepted; empty where there were none to accept."""
    remarks: tuple[str, ...] = ()
    """What else is to be told, as stable codes: `receipt.remark.CODE` is the sentence."""
    details: tuple[ReceiptDetail, ...] = ()
    """Figures, in the order in which they are to be read."""


@dataclass(frozen=True, slots=True)
class ReceiptStatement:
    """Short statement of a receipt, in its QR code."""

    number: str
    kind: str
    time: datetime
    station: str
    card_tail: str
    """The last eight digits of the card's number."""
    digest: bytes
    """SHA-256 of the whole receipt document."""
