"""Verifier of evidence files: checks a file and nothing but the file, with no network and the keys of `TrustAnchors` alone.

Rules:
- Whatever it is given, the answer is a `VerificationReport`, within bounds of size and memory; a fault names member and place.
- First the container's one form, then the server's signature over the list of members, then each member, then the chains.
- A checkpoint of a station that is revoked must have a trusted time before that; the list in the file may be older than one
  given.

>>> from io import BytesIO
>>> check(BytesIO(b"PK"), TrustAnchors()).verdict
'altered'
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from fleet.messages.revocations import NO_REVOCATIONS, RevocationListError, Revocations, read_revocations
from fleet.messages.statements import (
    Authorities,
    StatementError,
    fault_of,
    is_issuing_under,
    name_of,
    verify_statement,
)
from fleet.server.events.model import Difference
from fleet.server.evidence import model as contents
from fleet.server.evidence.container import Archive, ContainerError
from fleet.server.evidence.model import AuditLine, Manifest
from fleet.server.evidence.verification.chains import ChainChecker, ProvedStretch, WitnessedReceipt
from fleet.server.evidence.verification.problems import EvidenceProblem, StrangerError
from fleet.server.evidence.verification.trusted_times import TrustedTimes

Verdict = Literal["genuine", "altered", "unknown_signer", "contradicts", "revoked"]
"""`altered`: not as the server wrote it. `unknown_signer`: by nobody that the authority vouches for. `contradicts`: as the
server wrote it, but the stations' own words do not fit together, or their signatures do not. `revoked`: a station's signature
that no trusted time puts before its revocation."""


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """Trust anchors that the person who checks brings along."""

    authorities: Authorities | None = None
    """The fleet's. None: the file's own, which has to be compared then."""
    revocations: Revocations = NO_REVOCATIONS
    """Newer lists than the one in the file."""
    tsa: tuple[x509.Certificate, ...] = ()
    """Roots of the region's time-stamping authority: then a revoked station's checkpoints need its time stamps."""


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """Result of a verification. `where` and `why` say what is wrong and are empty where nothing is."""

    verdict: Verdict
    where: str = ""
    why: str = ""
    manifest: Manifest | None = None
    authority: str = ""
    """SHA-256 fingerprints of the authorities that all rests on."""
    authority_given: bool = False
    """Whether it was named by who checks; else it is the file's own word, and has to be compared."""
    stretches: tuple[ProvedStretch, ...] = ()
    receipts: tuple[str, ...] = ()
    audit_entries: int = 0
    revocations: Revocations = NO_REVOCATIONS
    """The list in the file, and those given."""
    tsa_given: bool = False
    witnessed: tuple[WitnessedReceipt, ...] = ()
    """Receipts with a trusted time at which they were in the chain."""

    @property
    def whole(self) -> bool:
        """True where every event with content is covered by a station's signature."""
        return all(not stretch.unsigned for stretch in self.stretches)


@dataclass(slots=True)
class _Checking:
    archive: Archive
    manifest: Manifest
    authorities: Authorities
    anchors: TrustAnchors
    revocations: Revocations
    receipts: list[str] = field(default_factory=list)
    audit_entries: int = 0


def check(file: BinaryIO, anchors: TrustAnchors) -> VerificationReport:
    """Check the file, against what is given. Raises nothing but OSError, whatever the bytes are."""
    try:
        archive = Archive(file)
    except ContainerError as error:
        return VerificationReport("altered", f"byte {error.at}", error.reason)
    try:
        checking = _sealed(archive, anchors)
    except StrangerError as error:
        return VerificationReport("unknown_signer", error.where, error.why)
    except EvidenceProblem as error:
        return VerificationReport("altered", error.where, error.why)
    fingerprint, given = _fingerprints(checking.authorities), anchors.authorities is not None
    try:
        chains = _contents(checking)
    except EvidenceProblem as error:
        verdict: Verdict = "unknown_signer" if isinstance(error, StrangerError) else "contradicts"
        return VerificationReport(verdict, error.where, error.why, checking.manifest, fingerprint, given)
    return _judged(checking, chains, fingerprint)


def _judged(checking: _Checking, chains: ChainChecker, fingerprint: str) -> VerificationReport:
    """All of it holds; what is left to tell is whether a revoked station signed too late."""
    late = chains.revoked[0] if chains.revoked else None
    return VerificationReport(
        "genuine" if late is None else "revoked",
        late.where if late else "",
        late.why if late else "",
        checking.manifest,
        fingerprint,
        checking.anchors.authorities is not None,
        chains.stretches(),
        tuple(checking.receipts),
        checking.audit_entries,
        checking.revocations,
        bool(checking.anchors.tsa),
        tuple(chains.witnessed),
    )


def _sealed(archive: Archive, anchors: TrustAnchors) -> _Checking:
    """The members are those that the server signed for. Raises EvidenceProblem."""
    needed = (contents.CA, contents.REVOCATIONS, contents.COUNTERSIGNATURES, contents.MANIFEST, contents.SEAL)
    _check_there(archive, needed)
    raw = archive.read(contents.MANIFEST)
    try:
        signed = verify_statement(archive.read(contents.SEAL).decode("ascii"), contents.TYP, detached=raw)
    except (StatementError, UnicodeDecodeError) as error:
        raise EvidenceProblem(contents.SEAL, f"the server's signature does not hold: {error}") from None
    manifest = _manifest(raw)
    _check_members(archive, manifest)
    if manifest.version > 2:
        _check_there(archive, (contents.DIFFERENCES,))
    authorities = _authorities(archive.read(contents.CA))
    roots = tuple(authority for authority in authorities if authority.issuer == authority.subject)
    below = [authority for authority in authorities if authority not in roots]
    is_named = anchors.authorities is None or set(roots) <= set(anchors.authorities)
    if not is_named or not all(is_issuing_under(authority, roots) for authority in below):
        raise StrangerError(contents.CA, "is not the authority that was named to trust")
    made = _moment(manifest.made)
    if name_of(signed.certificate) != contents.SERVER_NAME:
        raise StrangerError(contents.SEAL, f"is signed by {name_of(signed.certificate)!r}, which is no fleet server")
    fault = fault_of(signed.certificate, roots, made)  # an issuing key vouches for stations, never for the server
    if fault is not None:
        raise StrangerError(contents.SEAL, fault)
    revocations = _revocations(archive, authorities) + anchors.revocations
    if revocations.date_of(signed.certificate) is not None:
        raise StrangerError(contents.SEAL, "is signed with a certificate of the server that is revoked")
    return _Checking(archive, manifest, authorities, anchors, revocations)


def _check_there(archive: Archive, names: Sequence[str]) -> None:
    for name in names:
        if name not in archive.members:
            raise EvidenceProblem(name, "is not in the file")


def _revocations(archive: Archive, authorities: Authorities) -> Revocations:
    """The list in the file. It may have ended since: what it names stays revoked."""
    try:
        return read_revocations(archive.read(contents.REVOCATIONS), authorities, None)
    except RevocationListError as error:
        raise StrangerError(contents.REVOCATIONS, str(error)) from None


def _manifest(raw: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EvidenceProblem(contents.MANIFEST, f"cannot be read: {error}") from None
    if manifest.format != contents.FORMAT or manifest.version not in contents.READ:
        raise EvidenceProblem(contents.MANIFEST, "is of another format or version than this program reads")
    return manifest


def _check_members(archive: Archive, manifest: Manifest) -> None:
    names = [entry.name for entry in manifest.files] + [contents.MANIFEST, contents.SEAL]
    if list(archive.members) != names:
        raise EvidenceProblem(contents.MANIFEST, "does not list the members that are there, in their order")
    for entry in manifest.files:
        content = archive.read(entry.name)
        if len(content) != entry.size or hashlib.sha256(content).hexdigest() != entry.sha256:
            raise EvidenceProblem(entry.name, "is not what the server signed for (SHA-256)")


_READ_APART = frozenset(
    {
        contents.README,
        contents.CA,
        contents.REVOCATIONS,
        contents.COUNTERSIGNATURES,
        contents.MANIFEST,
        contents.SEAL,
    }
)


def _contents(checking: _Checking) -> ChainChecker:
    """Every member says what it should. Raises EvidenceProblem."""
    words = checking.archive.read(contents.COUNTERSIGNATURES)
    times = TrustedTimes.read(words, checking.authorities, checking.revocations, checking.anchors.tsa)
    chains = ChainChecker(checking.authorities, times)
    for name in checking.archive.members:
        content = checking.archive.read(name)
        if chain := contents.CHAIN_NAME.match(name):
            chains.part(name, chain[1], int(chain[2]), int(chain[3]), content)
        elif own := contents.CERTIFICATE_NAME.match(name):
            _check_station(name, own[1], content, checking.authorities)
        elif receipt := contents.RECEIPT_NAME.match(name):
            _check_receipt(name, receipt[1], content, chains)
            checking.receipts.append(receipt[1])
        elif name == contents.DIFFERENCES:
            _check_differences(content)
        elif name == contents.AUDIT:
            checking.audit_entries = _check_audit(content)
        elif name not in _READ_APART:
            raise EvidenceProblem(name, "is no member that this version knows")
    times.check_all_used()
    return chains


def _check_station(name: str, station: str, pem: bytes, authorities: Authorities) -> None:
    certificate = _certificate(name, pem)
    if name_of(certificate) != station:
        raise StrangerError(name, "is not the certificate of that station")
    fault = fault_of(certificate, authorities, certificate.not_valid_before_utc)
    if fault is not None:
        raise StrangerError(name, fault)


def _check_receipt(name: str, number: str, content: bytes, chains: ChainChecker) -> None:
    if chains.receipts.get(number) != hashlib.sha256(content).digest():
        raise EvidenceProblem(name, "is not the receipt that the event in the chain holds")


def _check_differences(content: bytes) -> None:
    """There are none: what the server's own rows said of these errands is what the events say."""
    for number, line in enumerate(content.splitlines(), 1):
        where = f"{contents.DIFFERENCES} line {number}"
        try:
            difference = msgspec.json.decode(line, type=Difference)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise EvidenceProblem(where, f"cannot be read: {error}") from None
        raise EvidenceProblem(where, f"the server's own record did not agree with the events: {difference}")


def _check_audit(content: bytes) -> int:
    lines = content.splitlines()
    for number, line in enumerate(lines, 1):
        try:
            entry = msgspec.json.decode(line, type=AuditLine)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise EvidenceProblem(f"{contents.AUDIT} line {number}", f"cannot be read: {error}") from None
        if hashlib.sha256(entry.entry.encode()).hexdigest() != entry.hash:
            raise EvidenceProblem(f"{contents.AUDIT} line {number}", "its hash does not fit")
    return len(lines)


def _authorities(pem: bytes) -> Authorities:
    """Each as it was written, with nothing before, between or after them."""
    marker = b"-----BEGIN"
    head, *rest = pem.split(marker)
    if head or not rest:
        raise EvidenceProblem(contents.CA, "is no certificate in PEM")
    return tuple(_certificate(contents.CA, marker + encoded) for encoded in rest)


def _fingerprints(authorities: Authorities) -> str:
    return " ".join(authority.fingerprint(hashes.SHA256()).hex() for authority in authorities)


def _certificate(name: str, pem: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        _ = certificate.subject, certificate.public_key(), certificate.extensions
    except Exception as error:  # the library has many ways to say that a certificate is none
        raise EvidenceProblem(name, f"is no certificate in PEM: {type(error).__name__}") from None
    return certificate


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise EvidenceProblem(contents.MANIFEST, "says no time at which it was made") from None
    if moment.tzinfo is None:
        raise EvidenceProblem(contents.MANIFEST, "says a time without a zone")
    return moment
