"""Is this receipt real, and who signed it.

Rules: a receipt has one exact form; the station's certificate names the station of the receipt, comes from the fleet's
authority and was valid at the receipt's time; where the receipt says that the card signed, the card's signature is
there, by a certificate of the holder. A QR text is checked against a station certificate that one has.

>>> verify("KK1.none", Trust())
Altered(reason='it is not written as the code of a receipt is')
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography.x509 import Certificate

from kiosk.receipts import signatures, wire
from kiosk.receipts.facts import ReceiptError, ReceiptFacts, Statement
from kiosk.receipts.making import Draft, statement_of


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe."""

    authorities: tuple[Certificate, ...] = ()
    """The fleet's authorities, which issue the stations' certificates."""
    stations: tuple[Certificate, ...] = ()
    """Certificates of stations, for QR codes, which carry none. Believed as they are where no authority is given."""
    card_anchors: tuple[Certificate, ...] | None = None
    """Roots of the cards' certificates. None: a card's signature is checked, its chain is not."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One who signed. `name` is empty where the holder's identity is protected."""

    role: Literal["station", "card"]
    name: str
    hsa_id: str
    chain: Literal["trusted", "unchecked"]


@dataclass(frozen=True, slots=True)
class Genuine:
    """As it was signed. `facts` are there where the whole receipt was checked, not its QR code alone."""

    statement: Statement
    signers: tuple[Signer, ...]
    facts: ReceiptFacts | None


@dataclass(frozen=True, slots=True)
class Altered:
    """Not as it was signed, or never signed."""

    reason: str


@dataclass(frozen=True, slots=True)
class UnknownSigner:
    """Signed, but not by anyone who is trusted here."""

    reason: str


Verdict = Genuine | Altered | UnknownSigner


class _UnknownSignerError(Exception):
    pass


def verify(item: bytes | str, trust: Trust) -> Verdict:
    """Check a whole receipt (bytes) or the text of its QR code. Raises nothing, whatever it is given."""
    try:
        return _check_qr(item, trust) if isinstance(item, str) else _check_document(item, trust)
    except ReceiptError as fault:
        return Altered(str(fault))
    except _UnknownSignerError as fault:
        return UnknownSigner(str(fault))


def _check_document(document: bytes, trust: Trust) -> Genuine:
    whole = wire.decode(document, wire.Document)
    payload = wire.decode(wire.from_b64url(whole.payload), wire.Payload)
    if len(whole.signatures) != (2 if payload.signed == "card" else 1):
        raise ReceiptError("a signature is missing, or there is one too many")
    chains = [_signed_by(whole.payload, signature) for signature in whole.signatures]
    signers = [_station(whole.signatures[0], chains[0], payload, trust)]
    if payload.signed == "card":
        signers.append(_card(chains[1], payload, trust))
    made = Draft.of(payload)
    return Genuine(statement_of(made, document), tuple(signers), made.facts)


def _header(signature: wire.Signature) -> wire.Header:
    header = wire.decode(wire.from_b64url(signature.protected), wire.Header)
    if header.typ != wire.TYPE or not header.x5c:
        raise ReceiptError("what was signed is not a receipt")
    return header


def _signed_by(payload: str, signature: wire.Signature) -> list[Certificate]:
    """The chain of one who really signed."""
    header = _header(signature)
    chain = [signatures.load(wire.from_b64(text)) for text in header.x5c]
    if header.alg != signatures.algorithm_of(chain[0]) or not (
        signatures.is_small(wire.from_b64url(signature.signature), header.alg)
        and signatures.is_good_jws(payload, signature.protected, signature.signature, chain[0])
    ):
        raise ReceiptError("a signature does not fit what is signed")
    return chain


def _station(signature: wire.Signature, chain: list[Certificate], payload: wire.Payload, trust: Trust) -> Signer:
    header = _header(signature)
    name = signatures.name_of(chain[0])
    if header.alg != "ES256" or header.kid != payload.station or name != payload.station:
        raise ReceiptError("the station that signed is not the one that the receipt names")
    _need_chain(chain, trust.authorities, payload.time)
    return Signer("station", name, "", "trusted")


def _card(chain: list[Certificate], payload: wire.Payload, trust: Trust) -> Signer:
    hsa_id = signatures.hsa_id_of(chain[0])
    if hsa_id != payload.holder.hsa_id:
        raise ReceiptError("the card that signed is not the holder's")
    if trust.card_anchors is not None:
        _need_chain(chain, trust.card_anchors, payload.time)
    name = signatures.name_of(chain[0]) if payload.holder.name is not None else ""
    return Signer("card", name, hsa_id, "unchecked" if trust.card_anchors is None else "trusted")


def _need_chain(chain: list[Certificate], anchors: tuple[Certificate, ...], at: datetime) -> None:
    fault = signatures.chain_fault(chain, anchors, at)
    if fault is not None:
        raise _UnknownSignerError(fault)


def _check_qr(text: str, trust: Trust) -> Genuine:
    parts = text.split(".")
    if len(parts) != 3 or parts[0] != wire.QR_PREFIX:
        raise ReceiptError("it is not written as the code of a receipt is")
    compact = wire.decode(wire.from_b64url(parts[1]), wire.Compact)
    signature, digest = wire.from_b64url(parts[2]), wire.from_b64url(compact.h)
    known = [certificate for certificate in trust.stations if signatures.name_of(certificate) == compact.s]
    if not known:
        raise _UnknownSignerError("it says that it comes from a station whose certificate is not here")
    message = f"{parts[0]}.{parts[1]}".encode("ascii")
    signers = [certificate for certificate in known if signatures.is_good_raw(message, signature, certificate)]
    if not signers:
        raise ReceiptError("the signature does not fit what is signed")
    _need_chain([signers[0]], trust.authorities or trust.stations, compact.t)
    said = Statement(compact.n, compact.k, compact.t, compact.s, compact.c, digest)
    return Genuine(said, (Signer("station", compact.s, "", "trusted"),), None)
