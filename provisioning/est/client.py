"""EST client of a new station (RFC 7030): from a claim to an identity, and on from where a power cut stopped it.

Rules:
- The claim's code names the fleet's authority. What comes before that is known is public and proves nothing: the authorities are
  read over TLS that is not checked, and the one that the code names is then the only one that TLS may rest on. The code itself
  goes over checked TLS alone.
- A station's clock may be wrong by years. TLS is checked without it; once the server is known, its certificate must be good
  at the time that the server says.
- Claim, key and certificate lie beside the wanted folder (`.NAME.enrolling`) until the identity is whole; each is written in one
  step, so that who starts again comes on with the same key. The server gives that key the same certificate.
- A station may make the code itself, for the authority that a server shows: an operator of the fleet then makes it good, and its
  server refuses a code for another authority.
- A claim is kept from when the server has taken it until it refuses it: a mistyped one is typed anew.

Example: `enrol(Claim.parse(text), Path("identity"), FileKey.load_or_make)`
"""

import base64
import http.client
import shutil
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fleet.agent.identity import KEY_FILE, Broker, Identity, staging
from fleet.agent.proxy import Proxy
from fleet.messages.statements import is_issued_by
from provisioning import files, pki
from provisioning.authority import EnrolledStation
from provisioning.claim import ClaimRefused
from provisioning.est import wire
from provisioning.est.claim_codes import Claim
from provisioning.identity import check_vacant, write_identity
from provisioning.keys import station_keys
from provisioning.keys.secrets import KeyFileError
from provisioning.keys.storage import Kind

CLAIM_FILE, CHAIN_FILE = "claim", "station.pem"
TIMEOUT_S = 20.0
MOST_ANSWER = 256 * 1024
WAIT = timedelta(hours=24)
AGAIN_S, LONGEST_S = 10.0, 300.0
_UNDECIDED = ("unreachable", "bad_answer", "timed_out")
"""Errors after which the same claim may still be good."""
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for."""

Moment = Callable[[], datetime]


class EstError(Exception):
    """Enrolment cannot go on. `code` is stable: `unreachable`, `bad_address`, `other_authority`, `not_trusted`, `bad_answer`,
    `timed_out`, or the server's own word for a refusal, as `used`. The text is for an installer."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class FileKey:
    """A key file that its owner alone may read: open, sealed to the machine, or of its TPM (`provisioning.keys`)."""

    path: Path
    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def load_or_make(cls, folder: Path, kind: Kind = "file") -> "FileKey":
        """The key in that folder; made where there is none. Raises OSError, ValueError."""
        path = folder / KEY_FILE
        try:
            if not path.exists():
                files.write_file(path, station_keys.make(kind))
            return cls(path, station_keys.load(path, path.read_bytes()))
        except KeyFileError as error:
            raise ValueError(str(error)) from None

    @property
    def public(self) -> ec.EllipticCurvePublicKey:
        return self._key.public_key()

    def request(self, station: str) -> x509.CertificateSigningRequest:
        """In that name, signed by the key."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, station)])
        return x509.CertificateSigningRequestBuilder().subject_name(name).sign(self._key, hashes.SHA256())

    def show(self, context: ssl.SSLContext, chain: Path) -> None:
        """Have TLS show the certificate in that file, by this key."""
        context.load_cert_chain(chain, self.path, station_keys.password_of(self.path.read_bytes()))

    def pem(self) -> bytes:
        """Return the content for `station.key` of the identity."""
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class KeyShown:
    """Key's fingerprint that the station's screen is to show while a person compares."""

    station: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class EnrolledIdentity:
    """`clock_off`: how much the station's clock is ahead of the server's, as far as the answer's date says."""

    identity: Identity
    clock_off: timedelta


class _IdentityAnswer(msgspec.Struct, frozen=True):
    """Answer with what EST has no word for. Further fields are of newer servers."""

    station: str
    epoch: int
    broker: Broker
    signing_key: dict[str, str]
    verifier_key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a server, with what it has shown in TLS."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    server: x509.Certificate


def enrol(
    claim: Claim,
    into: Path,
    keys: Callable[[Path], FileKey] = FileKey.load_or_make,
    *,
    tell: Callable[[KeyShown], None] = lambda shown: None,
    broker: Broker | None = None,
    proxy: Proxy | None = None,
    now: Moment = lambda: datetime.now(UTC),
    sleep: Callable[[float], Any] = time.sleep,
    wait: timedelta = WAIT,
) -> EnrolledIdentity:
    """Enrol into an empty or new folder, waiting so long for a person's approval. `tell` hears of the key each time that it
    waits; `broker`: another than the server names.

    Raises EstError, IdentityError (a folder that is not empty), OSError (the disk).
    """
    folder = staging(into)
    if (finished := _finished(into, folder)) is not None:
        return EnrolledIdentity(finished, timedelta())
    check_vacant(into)
    _forget_other(folder, claim)
    key, chain_file = keys(folder), folder / CHAIN_FILE

    def keep_and_tell(shown: KeyShown) -> None:
        _keep_claim(folder, claim)
        tell(shown)

    try:
        server = KnownServer.recognise(claim.server, claim.code.names, now, proxy)
        if not chain_file.exists():
            login = (claim.station, str(claim.code))
            chain = wait_for_certificate(server, login, claim.station, key, tell=keep_and_tell, sleep=sleep, wait=wait)
            _keep_claim(folder, claim)
            files.write_file(chain_file, b"".join(map(pki.certificate_pem, chain)), files.PUBLIC)
    except EstError as error:
        if error.code not in _UNDECIDED:
            (folder / CLAIM_FILE).unlink(missing_ok=True)
        raise
    answer = server.identity(key, chain_file)
    if answer.station != claim.station:
        raise EstError("bad_answer", f"the server gave the certificate of {answer.station}, not of {claim.station}")
    where = broker or (answer.broker if answer.broker.host else Broker(server.host, answer.broker.port))
    trusted = b"".join(map(pki.certificate_pem, server.authorities))
    enrolled = EnrolledStation(
        answer.station, answer.epoch, chain_file.read_bytes(), trusted, answer.signing_key, answer.verifier_key
    )
    identity = write_identity(into, key.pem(), enrolled, where)
    shutil.rmtree(folder)
    return EnrolledIdentity(identity, server.clock_off)


def offered_authority(address: str, proxy: Proxy | None = None) -> x509.Certificate:
    """The authority that a server shows of itself. It proves nothing: its fleet's server takes no code for another one.

    Raises EstError.
    """
    return KnownServer.recognise(address, lambda shown: True, lambda: datetime.now(UTC), proxy).pinned


def claim_under_way(into: Path) -> Claim | None:
    """The claim of an enrolment that a power cut stopped; None where there is none."""
    try:
        return Claim.parse((staging(into) / CLAIM_FILE).read_text())
    except (OSError, ClaimRefused):
        return None


def forget_claim(into: Path) -> None:
    """Another one is wanted than that of the enrolment that was stopped. Raises OSError."""
    (staging(into) / CLAIM_FILE).unlink(missing_ok=True)


def _finished(into: Path, folder: Path) -> Identity | None:
    """The identity, where the last run was stopped after it was put into place."""
    if not folder.exists() or not (into / KEY_FILE).exists():
        return None
    identity = Identity.load(into)
    shutil.rmtree(folder)
    return identity


def _forget_other(folder: Path, claim: Claim) -> None:
    """Another claim is forgotten, and its certificate; the key is as good as any."""
    files.make_directory(folder)
    place = folder / CLAIM_FILE
    if not place.exists() or place.read_bytes() != claim.text.encode():
        (folder / CHAIN_FILE).unlink(missing_ok=True)
        place.unlink(missing_ok=True)


def _keep_claim(folder: Path, claim: Claim) -> None:
    place = folder / CLAIM_FILE
    if not place.exists():
        files.write_file(place, claim.text.encode())


@dataclass(frozen=True, slots=True)
class KnownServer:
    """An EST server, once it has been recognised by its authority."""

    host: str
    port: int
    pinned: x509.Certificate
    authorities: tuple[x509.Certificate, ...]
    others: tuple[x509.Certificate, ...]
    """Those below an authority, such as the issuing one."""
    clock_off: timedelta
    proxy: Proxy | None = None

    @classmethod
    def recognise(
        cls, address: str, is_pinned: Callable[[x509.Certificate], bool], now: Moment, proxy: Proxy | None = None
    ) -> "KnownServer":
        """Raises EstError where it is not the server of the authority that is meant."""
        host, port = _host_and_port(address)
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        offered = _certificates(_ask(host, port, anyone, f"{wire.ROOT}/cacerts", proxy=proxy))
        authority = next(
            (candidate for candidate in offered if candidate.issuer == candidate.subject and is_pinned(candidate)), None
        )
        if authority is None:
            raise EstError("other_authority", f"{host} belongs to another fleet than the code: check address and code")
        answer = _ask(host, port, _checked(authority), f"{wire.ROOT}/cacerts", proxy=proxy)
        server_time = _date(answer) or now()
        for certificate in (authority, answer.server):
            if not certificate.not_valid_before_utc <= server_time <= certificate.not_valid_after_utc:
                raise EstError("not_trusted", f"the certificate of {host} is not valid on {server_time:%Y-%m-%d}")
        certificates = _certificates(answer)
        own = tuple(candidate for candidate in certificates if candidate.issuer == candidate.subject)
        return cls(
            host,
            port,
            authority,
            own,
            tuple(candidate for candidate in certificates if candidate not in own),
            now() - server_time,
            proxy,
        )

    def enrol(self, login: tuple[str, str], request: bytes) -> Answer:
        """Ask once, with name and code. Raises EstError."""
        token = base64.b64encode(":".join(login).encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": wire.REQUEST_TYPE, **wire.BASE64}
        return _ask(
            self.host, self.port, _checked(self.pinned), f"{wire.ROOT}/simpleenroll", request, headers, self.proxy
        )

    def identity(self, key: FileKey, chain: Path) -> _IdentityAnswer:
        """By the new certificate."""
        context = _checked(self.pinned)
        key.show(context, chain)
        answer = _ask(self.host, self.port, context, wire.IDENTITY, proxy=self.proxy)
        if answer.status != 200:
            raise _refusal(answer)
        try:
            return msgspec.json.decode(answer.body, type=_IdentityAnswer)
        except msgspec.MsgspecError as error:
            raise EstError("bad_answer", f"the server's word about this station cannot be read: {error}") from None

    def chain(self, answer: Answer, station: str, key: FileKey) -> tuple[x509.Certificate, ...]:
        """The station's certificate and what stands between it and an authority. Raises EstError."""
        certificates = _certificates(answer)
        leaf = next((certificate for certificate in certificates if certificate.public_key() == key.public), None)
        if leaf is None:
            raise EstError("bad_answer", "the server gave no certificate for this station's key")
        names = [attribute.value for attribute in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if names != [station]:
            raise EstError("bad_answer", f"the server gave a certificate for {names}, not for {station}")
        if any(is_issued_by(leaf, authority) for authority in self.authorities):
            return (leaf,)
        for above in (*certificates, *self.others):
            if is_issued_by(leaf, above) and any(is_issued_by(above, authority) for authority in self.authorities):
                return leaf, above
        raise EstError("bad_answer", "the server gave a certificate that its authority did not issue")


def wait_for_certificate(
    server: KnownServer,
    login: tuple[str, str],
    station: str,
    key: FileKey,
    *,
    tell: Callable[[KeyShown], None] = lambda shown: None,
    sleep: Callable[[float], Any] = time.sleep,
    wait: timedelta = WAIT,
) -> tuple[x509.Certificate, ...]:
    """Ask until a person has approved. A server that is away meanwhile is asked again. Raises EstError."""
    request = wire.write_request(key.request(station))
    shown = KeyShown(station, wire.short_fingerprint(wire.key_digest(key.public)))
    left_s, has_waited = wait.total_seconds(), False
    while True:
        try:
            answer = server.enrol(login, request)
        except EstError as error:
            if error.code != "unreachable" or not has_waited:
                raise
            pause_s = AGAIN_S
        else:
            if answer.status == 200:
                return server.chain(answer, station, key)
            pause_s = _pause_s(answer)
        has_waited = True
        tell(shown)
        if left_s <= 0:
            raise EstError("timed_out", "nobody has approved this station yet: start again to go on waiting")
        sleep(pause_s)
        left_s -= pause_s


def _pause_s(answer: Answer) -> float:
    """Return how long the server wants it to wait. Raises EstError where it wants no more of it."""
    if answer.status not in (202, 429, 503):
        raise _refusal(answer)
    try:
        return min(max(float(answer.headers["Retry-After"]), 1.0), LONGEST_S)
    except (TypeError, ValueError):
        return AGAIN_S


def _refusal(answer: Answer) -> EstError:
    """In the server's own words: a code, a colon, a sentence."""
    code, colon, text = answer.body[:400].decode("utf-8", "replace").strip().partition(": ")
    if colon and code.replace("_", "").isalpha():
        return EstError(code, text)
    return EstError("bad_answer", f"the server answers {answer.status} to a question of EST: is this its address?")


def _host_and_port(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        if parts.scheme == "https" and parts.hostname:
            return parts.hostname, parts.port or 443
    except ValueError:
        pass
    raise EstError("bad_address", f"{address!r} is no address of a server: https://HOST:PORT")


def _checked(authority: x509.Certificate) -> ssl.SSLContext:
    """TLS that rests on this authority and on no clock."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=pki.certificate_pem(authority).decode())
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    return context


def _ask(
    host: str,
    port: int,
    context: ssl.SSLContext,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    proxy: Proxy | None = None,
) -> Answer:
    """One request. Raises EstError."""
    through = (proxy.host, proxy.port) if proxy else (host, port)
    line = http.client.HTTPSConnection(*through, context=context, timeout=TIMEOUT_S)
    if proxy:
        line.set_tunnel(host, port)
    try:
        line.connect()
        shown = line.sock.getpeercert(binary_form=True)
        line.request("GET" if body is None else "POST", path, body, headers or {})
        answer = line.getresponse()
        return Answer(
            answer.status, answer.headers, answer.read(MOST_ANSWER), x509.load_der_x509_certificate(shown or b"")
        )
    except ssl.SSLCertVerificationError as error:
        raise EstError(
            "not_trusted", f"{host} does not prove that it is the code's server: {error.verify_message}"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise EstError("unreachable", f"{host}:{port} does not answer: {error or type(error).__name__}") from None
    finally:
        line.close()


def _certificates(answer: Answer) -> tuple[x509.Certificate, ...]:
    if answer.status != 200:
        raise _refusal(answer)
    try:
        return wire.read_certificates(answer.body)
    except wire.MessageError as error:
        raise EstError("bad_answer", str(error)) from None


def _date(answer: Answer) -> datetime | None:
    """The server's time (RFC 9110, 6.6.1)."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
    except (TypeError, ValueError):
        return None
