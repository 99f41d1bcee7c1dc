"""Data model of a card: values only, the same for every kind of card.

Field names are those of `kortkiosk card show --json`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from drivers.reader.keys import ChallengeDigits, ManagementAlgorithm
from drivers.reader.outcomes import Role

Kind = Literal["pkcs15", "piv", "unknown"]
PinState = Literal["ok", "locked", "unknown"]
Purpose = Literal["identification", "signature", "other"]
Chain = Literal["ok", "untrusted", "expired", "revoked", "unchecked"]
FirstCode = Literal["puk", "start-pin", "administrator"]
"""What a new PIN is set with on a card that nobody has used yet: the PUK of its letter, the PIN that it came with, or an
administrator's release."""
ProvedGenuine = Literal["free-key", "management-key", "none"]
"""By a key that wants no code, by the card's own management key and the server, or not at all."""
RevocationStatus = Literal["good", "revoked", "unknown"]


@dataclass(frozen=True, slots=True)
class Holder:
    """Holder of the card, as its certificates say."""

    name: str
    hsa_id: str
    organisation: str = field(default="", compare=False)
    """Employer, as the certificate's subject says."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One code of the card. Lengths are in characters, and those of a new code."""

    id: str
    """authId as lower-case hex."""
    label: str
    role: Role
    reference: int
    tries_left: int | None
    state: PinState
    min_length: int
    max_length: int
    last_try: bool = False
    """Its next try is, or may be, the last: VERIFY and CHANGE need the holder's consent (reliability I1). True also where only
    the station counts, and `tries_left` is None."""
    must_change: bool = False
    """The card lets nobody use a key before this code was changed, and says so (DF2F on Thales cards)."""
    entry_min_length: int = 6
    """The code that the card has now may be shorter than a new one."""
    counted: bool = False
    """The card does not tell its tries: the station counts them, and is stricter. `state` "locked" is then what the card said in
    an earlier visit; a PIN may have been unlocked elsewhere since."""
    below_floor: bool = False
    """Of a PUK: so few tries are left, or may be, that it is not sent."""

    @property
    def can_be_typed(self) -> bool:
        """Is there a length that both card and profile allow?"""
        return self.entry_min_length <= self.max_length


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of the card, with the key on the card that goes with it."""

    id: str
    label: str
    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    purpose: Purpose
    loa: int | None
    chain: Chain
    der: bytes = field(repr=False)
    revocation: RevocationStatus = "unknown"
    key_known: bool = True
    """False: its key is of a kind that this program cannot ask for a signature."""
    holder: Holder = Holder("", "")
    """Whom it names, in the form that the profile says (HSA-id); nobody where it names a person otherwise."""
    personal: bool = False
    """It has a personal identity number: it proves, signs, and is stored and sent, nowhere (reliability I15)."""

    @property
    def names_somebody(self) -> bool:
        """It is for logging in or signing, and says as whom."""
        return self.purpose != "other" and not self.personal and self.holder != Holder("", "")

    def names(self, holder: Holder) -> bool:
        """It is of that holder, and has no personal identity number."""
        return self.holder.hsa_id == holder.hsa_id and not self.personal


@dataclass(frozen=True, slots=True)
class DataObject:
    """A data object that the card lists; what is in its file is not read."""

    label: str
    application: str
    """Name or dotted OID of whoever it is for; empty where the card does not say."""
    path: str
    """Of its file, as lower-case hex; empty where the value stands in the directory itself."""
    value: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class CardRules:
    """Rules on what this card product lets whom do, from its profile. Said to the holder before any code is typed."""

    unblocking: Literal["holder", "administrator", "printed", "nobody"] = "nobody"
    """Who may unlock a locked PIN with the PUK. `printed`: the product code on the card says so, not the chip."""
    writable: bool = False
    """Keys can be made and certificates written on it."""
    one_code: bool = False
    """One code may serve identification and signature."""
    administrable: bool = False
    """It takes a new PIN without the PUK from whoever answers for its administrative key."""
    management: ManagementAlgorithm | None = None
    """The kind of management key without which nothing is written (PIV); None where the PIN alone lets write."""
    deletes_keys: bool = False
    """A key whose certificate is gone can be taken off it."""
    genuine: ProvedGenuine = "none"
    """How every card of the product shows, before any code, that it is genuine."""
    stocked_by: int = 2
    """So many administrators put it into a cabinet, where it cannot show that."""
    read_only: bool = False
    """Nobody has tried the product on a real card: nothing on it is changed."""
    by_family: bool = False
    """It is read-only because a product of its family is; whoever answers for it may lift that (`Visit.lift_read_only`)."""
    self_described: bool = False
    """Nothing is known of the product but what the card says of itself, which may be wrong."""
    first_code: FirstCode = "start-pin"
    """How a card that came by post gets the holder's own PIN."""
    challenge_digits: ChallengeDigits = "hexadecimal"
    """How people write the administrative key's challenge and its answer."""
    tells_levels: bool = False
    """Some certificate policy is known to be a level of assurance: a certificate with none of those has none."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Facts that were read of one card in one visit."""

    reader: str
    atr: bytes
    kind: Kind
    profile: str
    serial: str
    card_number: str
    holder: Holder
    pins: tuple[Pin, ...]
    certificates: tuple[Certificate, ...]
    digest: bytes
    """SHA-256 over the certificates: with `serial`, what makes a card the same card."""
    damaged: tuple[str, ...] = ()
    """Labels (ids where there are none) of certificates that are there but cannot be read."""
    guarded: tuple[str, ...] = ()
    """The same of certificates that the card shows only once its code was verified."""
    unlisted: tuple[str, ...] = ()
    """The same of keys whose code the card does not list, as far as its keys were read."""
    version: str = ""
    """Of the card's application, where the card tells; a token's own is read with all the rest (`KeyVisit.complete`)."""
    data_objects: tuple[DataObject, ...] = ()
    """Of a PKCS#15 card, read with all the rest."""
    rules: CardRules = CardRules()

    def pin(self, role: Role) -> Pin | None:
        """The first code with that role."""
        return next((pin for pin in self.pins if pin.role is role), None)

    def is_locked(self, role: Role) -> bool:
        """Its tries are used up; False where the card has no such code."""
        return (pin := self.pin(role)) is not None and pin.state == "locked"

    def guard(self, purpose: Purpose) -> Pin | None:
        """The code with which the key for that purpose is used: the signature's own where the card has one."""
        own = self.pin(Role.SIGNATURE) if purpose == "signature" else None
        return own or self.pin(Role.IDENTIFICATION)

    def certificate(self, purpose: Purpose) -> Certificate | None:
        """The certificate for a purpose that names the holder: the valid one that lasts longest, or one that is not valid.

        No other one proves, signs, shows, is stored or compared. A card may hold several pairs: of a personal identity number,
        of another employer, of an earlier issuer.
        """
        return _best(c for c in self.certificates if c.purpose == purpose and c.names(self.holder))

    def newest_like(self, certificate: Certificate) -> Certificate:
        """Return what stands in for that certificate on the card: a better one for the same purpose and identity, or itself."""
        same = (certificate.purpose, certificate.holder.hsa_id, certificate.personal)
        alike = (c for c in self.certificates if (c.purpose, c.holder.hsa_id, c.personal) == same)
        return _best(alike) or certificate

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Everybody as whom the card's holder may act, each HSA-id once; the best certificate's first."""
        naming = sorted((c for c in self.certificates if c.names_somebody), key=_weight, reverse=True)
        ids = dict.fromkeys(c.holder.hsa_id for c in naming if c.holder.hsa_id or not naming[0].holder.hsa_id)
        return tuple(next(c.holder for c in naming if c.holder.hsa_id == hsa_id) for hsa_id in ids)

    @property
    def hsa_ids(self) -> frozenset[str]:
        """HSA-ids of the one person whose card it is."""
        return frozenset(holder.hsa_id for holder in self.holders) - {""}

    def with_certificates(self, certificates: Iterable[Certificate], *, keep_holder: bool = True) -> "CardFacts":
        """Hold these certificates instead; one that was judged in this visit stays so. `keep_holder`: whom it was, where a
        certificate still names them."""
        judged = {c.der: {"chain": c.chain, "revocation": c.revocation} for c in self.certificates}
        updated = (replace(c, **judged.get(c.der, {})) if c.chain == "unchecked" else c for c in certificates)  # type: ignore[arg-type]
        facts = replace(self, certificates=tuple(updated))
        if keep_holder and any(c.names_somebody and c.names(self.holder) for c in facts.certificates):
            return facts
        return replace(facts, holder=next(iter(facts.holders), Holder("", "")))

    def act_as(self, hsa_id: str) -> "CardFacts":
        """Be that one of its holders, as which the person acts. Raises LookupError where no certificate names them."""
        for holder in self.holders:
            if holder.hsa_id == hsa_id:
                return replace(self, holder=holder)
        raise LookupError("no certificate of the card names that holder")


def _weight(certificate: Certificate) -> tuple[bool, bool, bool, datetime]:
    valid = certificate.chain in ("ok", "unchecked")
    return bool(certificate.holder.hsa_id), certificate.purpose == "identification", valid, certificate.not_after


def _best(certificates: Iterable[Certificate]) -> Certificate | None:
    return max(certificates, key=_weight, default=None)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Cost of a visit on the wire. `ms` is the time spent waiting for the card, in milliseconds."""

    apdus: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    ms: float = 0.0
