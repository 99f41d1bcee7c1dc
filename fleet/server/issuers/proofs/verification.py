"""Verification of the proofs that an ask carries: who the people behind it are. Nobody is believed for a name.

Rules (docs/decisions, 0040): the mandate names this station and means this ask, about this card; the visit's key has signed the
whole ask; the certificate is for identification, was issued by an authority of ours, is in time and not revoked, by the issuer's
own word or else the lists; the card has signed the mandate; the nonce is the server's, for the card that it is about, and bound
to this mandate and act (`nonces`). What the register says of the card is asked after this (`answers`).
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fleet.messages.asking import (
    BinAsk,
    BlockAsk,
    CertificateAsk,
    DeclinedResult,
    HoldAsk,
    LiftAsk,
    PersonAsk,
    ReceivedAsk,
    StockAsk,
    ask_digest,
    tag_of,
)
from fleet.messages.mandates import ABOUT_SIGNER, Mandate, MandateError, Proof, parse_mandate, wish_bytes
from fleet.server.issuers.certificate_requests import der_of, signed_by
from fleet.server.issuers.ports import IssuerAwayError, Standing, StatusSource
from fleet.server.issuers.proofs.assurance import is_for_identification
from fleet.server.issuers.proofs.certificate_chains import FAULTS, path, serial_number, standing_by_lists
from fleet.server.issuers.proofs.nonces import Nonces
from fleet.server.keys.card_numbers import certificate_number

MOST = 3
"""People behind one ask: the holder and two administrators."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trusted:
    """Issuers whose certificates count: anchors, the authorities below them, and the newest lists of what is revoked."""

    anchors: Sequence[x509.Certificate]
    authorities: Sequence[x509.Certificate]
    lists: Callable[[], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Proven:
    """A person whose card has signed for this ask. `chain`: their certificate first; `suspended`: the card is on hold;
    `hsa_ids`: all that the register knows of the card."""

    hsa_id: str
    card_number: str
    chain: tuple[x509.Certificate, ...]
    suspended: bool = False
    hsa_ids: tuple[str, ...] = ()
    numbered: bool = True
    """The certificate itself says the card's number; else the register has to."""
    nonce: str = ""
    """Of the mandate."""


Fault = Literal[
    "bad_mandate", "bad_signature", "bad_wish", "card_not_valid", "nonce_unknown", "not_for_identification", "not_meant",
    "other_card", "other_station", "person_limit", "status_unknown",
]  # fmt: skip


class NotProvenError(Exception):
    """A proof that does not hold, and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class ProofJudge:
    """Judges the proofs of one ask at a time; several may run at once."""

    def __init__(self, nonces: Nonces, trusted: Trusted, status: StatusSource) -> None:
        self.nonces = nonces
        self._trusted = trusted
        self._status = status

    async def people(self, station: str, ask: PersonAsk, now: datetime) -> tuple[Proven, ...] | DeclinedResult:
        """Everybody whose proof the ask carries, each once. Declined where one proof does not hold.

        Raises IssuerAwayError where nobody says whether a card is revoked that is to be blocked.
        """
        if len(ask.proofs) > MOST:
            return DeclinedResult("bad_mandate")
        try:
            proven = [await self._person(station, ask, proof, now) for proof in ask.proofs]
        except NotProvenError as error:
            _log.warning("%s: a proof of %s does not hold: %s", station, tag_of(ask), error.fault)
            return DeclinedResult(error.fault)
        return tuple({person.hsa_id: person for person in proven}.values())

    def is_genuine(self, certificate: x509.Certificate, now: datetime) -> bool:
        """Return whether an issuer of ours made the certificate, and no list says that it is revoked. It may have expired."""
        made = self._path(certificate, min(now, certificate.not_valid_after_utc)) is not None
        return made and standing_by_lists(certificate, self._trusted.lists(), now) not in ("revoked", "suspended")

    async def _person(self, station: str, ask: PersonAsk, proof: Proof, now: datetime) -> Proven:
        mandate, chain = read_proof(station, ask, proof, lambda leaf: self._path(leaf, _judged_at(leaf, ask, now)))
        protective = isinstance(ask, BlockAsk | HoldAsk | ReceivedAsk | StockAsk | BinAsk)
        standing = await self._standing(chain, now)
        own = isinstance(ask, BlockAsk | HoldAsk | LiftAsk) and mandate.card_number == ask.card_number
        if standing == "revoked" or (standing == "suspended" and not own):
            raise NotProvenError("card_not_valid")
        if standing == "unknown" and not isinstance(ask, HoldAsk):
            if protective:
                raise IssuerAwayError("whether the card of who asks is revoked")
            raise NotProvenError("status_unknown")
        digest, hsa_id = hashlib.sha256(der_of(proof.mandate)).hexdigest(), serial_number(chain[0])
        refusal = await asyncio.to_thread(self.nonces.bind, station, mandate, digest, ask, hsa_id, now)
        if refusal is not None:
            raise NotProvenError(refusal)
        return Proven(
            hsa_id, mandate.card_number, chain, suspended=standing == "suspended",
            numbered=bool(certificate_number(chain[0])), nonce=mandate.nonce,
        )  # fmt: skip

    async def _standing(self, chain: tuple[x509.Certificate, ...], now: datetime) -> Standing:
        """The issuer's own word counts before the lists, which may be hours old."""
        standing: Standing = "unknown"
        if len(chain) > 1:
            try:
                standing = await self._status.standing(chain[0], chain[1], now)
            except IssuerAwayError as error:
                _log.warning("a proof is judged by the lists at hand: %s", error)
        return standing if standing != "unknown" else standing_by_lists(chain[0], self._trusted.lists(), now)

    def _path(self, leaf: x509.Certificate, at: datetime) -> tuple[x509.Certificate, ...] | None:
        try:
            return path(leaf, self._trusted.authorities, self._trusted.anchors, at)
        except FAULTS:
            return None


def read_proof(
    station: str,
    ask: PersonAsk,
    proof: Proof,
    path_of: Callable[[x509.Certificate], tuple[x509.Certificate, ...] | None],
) -> tuple[Mandate, tuple[x509.Certificate, ...]]:
    """Mandate and chain of a proof whose signatures hold. Pure but for `path_of`. Raises NotProvenError."""
    raw = der_of(proof.mandate)
    try:
        mandate = parse_mandate(raw)
    except MandateError:
        raise NotProvenError("bad_mandate") from None
    if mandate.station != station:
        raise NotProvenError("other_station")
    if not _wished(mandate, wish_bytes(station, ask_digest(ask)), der_of(proof.wish)):
        raise NotProvenError("bad_wish")
    try:
        leaf = x509.load_der_x509_certificate(der_of(proof.certificate))
        named, hsa_id, number = is_for_identification(leaf), serial_number(leaf), certificate_number(leaf)
    except FAULTS:
        raise NotProvenError("card_not_valid") from None
    chain = path_of(leaf)
    if chain is None or not hsa_id:
        raise NotProvenError("card_not_valid")
    if not named:
        raise NotProvenError("not_for_identification")
    if number not in ("", mandate.card_number):
        raise NotProvenError("other_card")
    if not signed_by(leaf, raw, der_of(proof.signature), proof.algorithm):
        raise NotProvenError("bad_signature")
    if not mandate.allows(tag_of(ask), hsa_id if tag_of(ask) in ABOUT_SIGNER else getattr(ask, "card_number", "")):
        raise NotProvenError("not_meant")
    return mandate, chain


def _judged_at(leaf: x509.Certificate, ask: PersonAsk, now: datetime) -> datetime:
    """Return the time at which the certificate is judged: who renews a certificate may have one that has ended."""
    return min(now, leaf.not_valid_after_utc) if isinstance(ask, CertificateAsk) else now


def _wished(mandate: Mandate, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(der_of(mandate.visit_key)).verify(signature, message)
    except (ValueError, InvalidSignature):
        return False
    return True
