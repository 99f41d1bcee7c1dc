"""Receipt verification: is this receipt real, and who signed it.

Rules: a receipt has one exact form; the station's certificate names the station of the receipt, comes from the fleet's
authority and was valid at the receipt's time; where the receipt says that the card signed, the card's signature is
there, by a certificate of the holder, and the station's signature covers it. A protected holder's certificate is not in
the receipt: where it is not given either, the card's signature is not checked and the station alone vouches for it. A
QR text is checked against a station certificate that one has. With the authority's list of revocations, a revoked station's
receipt is not believed for the time that it states itself: only where somebody else has shown that it was there before
(`ReceiptTrust.witnessed`), since who has stolen the key writes any time.

>>> verify_receipt("KK1.none", ReceiptTrust())
Altered(reason='it is not written as the code of a receipt is')
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from fleet.messages.revocations import Revocations
from kiosk.receipts import signatures, wire
from kiosk.receipts.facts import ReceiptError, ReceiptFacts, ReceiptStatement
from kiosk.receipts.issuing import Draft, statement_of


@dataclass(frozen=True, slots=True)
class ReceiptWitness:
    """A whole receipt that was there at a time which its station did not state itself."""

    document: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptTrust:
    authorities: tuple[Certificate, ...] = ()
    """The fleet's authorities, which issue the stations' certificates."""
    stations: tuple[Certificate, ...] = ()
    """Certificates of stations, for QR codes, which carry none. Believed as they are where no authority is given."""
    card_anchors: tuple[Certificate, ...] | None = None
    """Roots of the cards' certificates. None: a card's signature is checked, its chain is not."""
    holder_certificates: tuple[Certificate, ...] = ()
    """Of a protected holder, whose receipt carries a thumbprint alone; issuers of the card may follow."""
    revocations: Revocations | None = None
    """The authorities' lists of revoked stations. None: nobody can tell, and the verdict says so."""
    witnessed: Mapping[bytes, ReceiptWitness] = field(default_factory=dict)
    """Receipts by the SHA-256 of the whole, each with a trusted time at which it was there: what an evidence file has shown."""


@dataclass(frozen=True, slots=True)
class ReceiptSigner:
    """One who signed. `name` is empty where the holder's identity is protected.

    `thumbprint` (SHA-256, hex) stands for a certificate that is not in the receipt. `signature` is unchecked, and the
    HSA-id unknown, where it was not given either.
    """

    role: Literal["station", "card"]
    name: str
    hsa_id: str
    chain: Literal["trusted", "unchecked"]
    signature: Literal["checked", "unchecked"] = "checked"
    thumbprint: str | None = None


@dataclass(frozen=True, slots=True)
class Genuine:
    """As it was signed. `facts` are there where the whole receipt was checked, not its QR code alone."""

    statement: ReceiptStatement
    signers: tuple[ReceiptSigner, ...]
    facts: ReceiptFacts | None
    revocation: Literal["unchecked", "not_revoked", "signed_before"] = "unchecked"
    """`signed_before`: its station is revoked now; a trusted time shows that the receipt was there before."""

    @property
    def is_decided(self) -> bool:
        """True where a list of revocations was there: without one it may be by whoever has stolen a revoked station's
        key."""
        return self.revocation != "unchecked"


@dataclass(frozen=True, slots=True)
class Altered:
    """Not as it was signed, or never signed."""

    reason: str


@dataclass(frozen=True, slots=True)
class UnknownSigner:
    """Signed, but not by anyone who is trusted here."""

    reason: str


@dataclass(frozen=True, slots=True)
class SignedAfterRevocation:
    """Signed with a revoked station's key, at a time that is not before the revocation."""

    statement: ReceiptStatement
    revoked: datetime


@dataclass(frozen=True, slots=True)
class Undecided:
    """Signed with a key that is revoked now; only the receipt itself says that it was before. `witnessed`: when it was first
    shown to be there, if that is known."""

    statement: ReceiptStatement
    revoked: datetime
    witnessed: datetime | None


Verdict = Genuine | Altered | UnknownSigner | SignedAfterRevocation | Undecided


class _UnknownSignerError(Exception):
    pass


def verify_receipt(item: bytes | str, trust: ReceiptTrust) -> Verdict:
    """Check a whole receipt (bytes) or the text of its QR code, an address too. Raises nothing, whatever it is given."""
    try:
        genuine, station = _check_qr(item, trust) if isinstance(item, str) else _check_document(item, trust)
        return _judge_revocation(genuine, station, trust)
    except ReceiptError as fault:
        return Altered(str(fault))
    except _UnknownSignerError as fault:
        return UnknownSigner(str(fault))


def _judge_revocation(genuine: Genuine, station: Certificate, trust: ReceiptTrust) -> Verdict:
    """A trusted time decides; the receipt's own time only ever speaks against it."""
    if trust.revocations is None:
        return genuine
    if not trust.revocations.covers(station):
        return UnknownSigner("the list of revocations is of another authority than the station's")
    revoked = trust.revocations.date_of(station)
    if revoked is None:
        return replace(genuine, revocation="not_revoked")
    statement = genuine.statement
    witnessed = _witnessed_at(statement, trust)
    if witnessed is not None and witnessed < revoked:
        return replace(genuine, revocation="signed_before")
    if statement.time >= revoked:
        return SignedAfterRevocation(statement, revoked)
    return Undecided(statement, revoked, witnessed)


def _witnessed_at(statement: ReceiptStatement, trust: ReceiptTrust) -> datetime | None:
    """A stolen key can put an old receipt's digest under a new statement, so all of it must be that receipt's."""
    witnessed = trust.witnessed.get(statement.digest)
    if witnessed is None:
        return None
    payload = wire.decode(wire.from_b64url(wire.decode(witnessed.document, wire.ReceiptDocument).payload), wire.Payload)
    return witnessed.at if statement_of(Draft.of(payload), witnessed.document) == statement else None


def _check_document(document: bytes, trust: ReceiptTrust) -> tuple[Genuine, Certificate]:
    whole = wire.decode(document, wire.ReceiptDocument)
    payload = wire.decode(wire.from_b64url(whole.payload), wire.Payload)
    if len(whole.signatures) != (2 if payload.signed == "card" else 1):
        raise ReceiptError("a signature is missing, or there is one too many")
    by_station, *by_card = whole.signatures
    covered = [wire.digest_of(signature) for signature in by_card]
    station, certificate = _station(by_station, covered, whole.payload, payload, trust)
    signers = [station]
    signers += [_card(signature, whole.payload, payload, trust) for signature in by_card]
    made = Draft.of(payload)
    return Genuine(statement_of(made, document), tuple(signers), made.facts), certificate


def _header(signature: wire.Signature, *, by_thumbprint: bool = False) -> wire.Header:
    header = wire.decode(wire.from_b64url(signature.protected), wire.Header)
    if header.typ != wire.TYPE or by_thumbprint == bool(header.x5c) or by_thumbprint != bool(header.thumbprint):
        raise ReceiptError("what was signed is not a receipt")
    return header


def _chain_in(header: wire.Header) -> list[Certificate]:
    return [signatures.read_certificate(wire.from_b64(text)) for text in header.x5c]


def _need_signature(payload: str, signature: wire.Signature, header: wire.Header, chain: list[Certificate]) -> None:
    """The first of `chain` really signed."""
    if header.alg != signatures.algorithm_of(chain[0]) or not (
        signatures.is_small(wire.from_b64url(signature.signature), header.alg)
        and signatures.is_good_jws(payload, signature.protected, signature.signature, chain[0])
    ):
        raise ReceiptError("a signature does not fit what is signed")


def _station(
    signature: wire.Signature, covered: list[str], signed: str, payload: wire.Payload, trust: ReceiptTrust
) -> tuple[ReceiptSigner, Certificate]:
    header = _header(signature)
    chain = _chain_in(header)
    _need_signature(signed, signature, header, chain)
    if covered != ([] if header.card is None else [header.card]):
        raise ReceiptError("the card's signature is not the one that the station saw")
    name = signatures.name_of(chain[0])
    if header.alg != "ES256" or header.kid != payload.station or name != payload.station:
        raise ReceiptError("the station that signed is not the one that the receipt names")
    _need_chain(chain, trust.authorities, payload.time)
    return ReceiptSigner("station", name, "", "trusted"), chain[0]


def _card(signature: wire.Signature, signed: str, payload: wire.Payload, trust: ReceiptTrust) -> ReceiptSigner:
    protected = payload.holder.name is None
    header = _header(signature, by_thumbprint=protected)
    chain = _chain_given(header, trust) if protected else _chain_in(header)
    thumbprint = wire.from_b64url(header.thumbprint).hex() if header.thumbprint is not None else None
    if not chain:
        return ReceiptSigner("card", "", "", "unchecked", "unchecked", thumbprint)
    _need_signature(signed, signature, header, chain)
    hsa_id = signatures.hsa_id_of(chain[0])
    if hsa_id != payload.holder.hsa_id:
        raise ReceiptError("the card that signed is not the holder's")
    if trust.card_anchors is not None:
        _need_chain(chain, trust.card_anchors, payload.time)
    name = "" if protected else signatures.name_of(chain[0])
    return ReceiptSigner(
        "card", name, hsa_id, "unchecked" if trust.card_anchors is None else "trusted", "checked", thumbprint
    )


def _chain_given(header: wire.Header, trust: ReceiptTrust) -> list[Certificate]:
    """The certificate of that thumbprint and those given with it; nothing where none was given."""
    given = list(trust.holder_certificates)
    leaf = [
        certificate
        for certificate in given
        if wire.thumbprint(certificate.public_bytes(Encoding.DER)) == header.thumbprint
    ]
    if given and not leaf:
        raise _UnknownSignerError("the holder's certificate given is not that of the card that signed")
    return leaf + [certificate for certificate in given if certificate not in leaf]


def _need_chain(chain: list[Certificate], anchors: tuple[Certificate, ...], at: datetime) -> None:
    fault = signatures.chain_fault(chain, anchors, at)
    if fault is not None:
        raise _UnknownSignerError(fault)


def _check_qr(text: str, trust: ReceiptTrust) -> tuple[Genuine, Certificate]:
    parts = text.rpartition(wire.FRAGMENT)[2].split(".")
    if len(parts) != 3 or parts[0] != wire.QR_PREFIX:
        raise ReceiptError("it is not written as the code of a receipt is")
    compact = wire.decode(wire.from_b64url(parts[1]), wire.Compact)
    signature, digest = wire.from_b64url(parts[2]), wire.from_b64url(compact.h)
    candidates = [certificate for certificate in trust.stations if signatures.name_of(certificate) == compact.s]
    if not candidates:
        raise _UnknownSignerError("it says that it comes from a station whose certificate is not here")
    message = f"{parts[0]}.{parts[1]}".encode("ascii")
    signers = [certificate for certificate in candidates if signatures.is_good_raw(message, signature, certificate)]
    if not signers:
        raise ReceiptError("the signature does not fit what is signed")
    _need_chain([signers[0]], trust.authorities or trust.stations, compact.t)
    statement = ReceiptStatement(compact.n, compact.k, compact.t, compact.s, compact.c, digest)
    return Genuine(statement, (ReceiptSigner("station", compact.s, "", "trusted"),), None), signers[0]
