"""Expiry of certificates, keys and secrets: what ends when, and which command renews it.

Rules: everything that would stop the fleet, a station or the pages when it ends is here, also what has no end of its own: the
signing key is to be rotated by a date, and a secret in a file counts from when the file was written. What cannot be read is named
and left out. A station says the end of its own certificate in its state.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
from cryptography import x509
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from fleet.messages.command_verification import aware_time
from fleet.messages.key_rotation import RotationError, follow_chain
from fleet.messages.statements import is_issued_by
from provisioning import pki
from provisioning.authority import CRL_FILE, ISSUING_CRL_FILE, AuthorityError
from provisioning.issuing import read_issuing

What = Literal[
    "broker",
    "server",
    "process",
    "authority",
    "keys",
    "rotation",
    "web",
    "secret",
    "station",
    "issuing",
    "list",
    "signer",
]

SECRET_GOOD = timedelta(days=730)
"""A secret in a file is to be replaced after so long."""
FINISH_WITHIN = timedelta(days=60)
"""So long after its overlap a rotation is to be finished."""
RENEWS_ITSELF = timedelta(days=180)
READ_EVERY = timedelta(hours=1)

RENEWAL: dict[What, str] = {
    "broker": "kortkiosk-provision authority renew",
    "server": "kortkiosk-provision authority renew",
    "process": "kortkiosk-provision authority issue",
    "authority": "kortkiosk-provision authority rotate --only ca",
    "keys": "kortkiosk-provision authority rotate",
    "rotation": "kortkiosk-provision authority rotate --finish",
    "web": "replace the certificate and key that web.toml names",
    "secret": "agree on a new secret with the other side and replace the file",
    "station": "kortkiosk-provision claim, then enrol",
    "issuing": "kortkiosk-provision authority issue-issuing",
    "list": "kortkiosk-provision authority crl",
    "signer": "kortkiosk-provision authority issue-signer",
}

_END_OF_LIST = "-----END X509 CRL-----\n"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class End:
    """End of a certificate, key or secret. `subject`: which one, where there are several: a file's name, or a station."""

    what: What
    subject: str
    at: datetime
    lasts: timedelta | None = None
    """How long it lasted from its beginning, where that is known."""

    def days(self, now: datetime) -> int:
        """Whole days that are left; below 0 where it has ended."""
        return (self.at - now).days

    def is_near(self, days: float, now: datetime) -> bool:
        """Return whether fewer days are left. What lasts less than half a year is renewed by itself at two thirds of
        its time: it is near its end once a quarter is left, since then that has not gone well for a while."""
        if self.lasts is not None and self.lasts < RENEWS_ITSELF:
            days = min(days, (self.lasts / 4).days)
        return self.days(now) < days

    @property
    def renewal(self) -> str:
        """The command that renews it, or what to do."""
        return RENEWAL[self.what]


@dataclass(frozen=True, slots=True)
class Sources:
    """Files in which the server's own ends stand. `web`: the certificate of the pages; `secrets`: files that another
    side knows too."""

    authority: Path
    web: Path | None = None
    secrets: tuple[Path, ...] = ()


class _Public(msgspec.Struct):
    """Of public.json. An authority that is older says no date."""

    signing_key: dict[str, str]
    verifier_key: str
    ca: str = ""
    keys_until: str = ""


def ends_of(sources: Sources) -> Iterator[End | OSError | ValueError]:
    """Yield the ends; in the place of what cannot be read, why not."""
    server = sources.authority / "server"
    certificates: list[tuple[What, Path]] = [("broker", server / "broker.pem"), ("server", server / "fleet-server.pem")]
    certificates += [("authority", sources.authority / "ca" / "ca.pem")]
    certificates += [("web", sources.web)] if sources.web is not None else []
    signer = sources.authority / "updates" / "signer.pem"
    certificates += [("signer", signer)] if signer.exists() else []
    for kind, path in certificates:
        yield from _read(lambda kind=kind, path=path: _certificates(kind, path))  # type: ignore[misc]
    for path in sorted(server.glob("fleet-server-*.pem")):
        yield from _read(lambda path=path: _certificates("process", path))  # type: ignore[misc]
    yield from _read(lambda: _issuing(sources.authority))
    for path in (sources.authority / CRL_FILE, sources.authority / ISSUING_CRL_FILE):
        yield from _read(lambda path=path: _lists(path))  # type: ignore[misc]
    yield from _read(lambda: _keys(sources.authority / "public.json"))
    yield from _read(lambda: _rotation(sources.authority))
    for secret in sources.secrets:
        yield from _read(lambda secret=secret: [End("secret", secret.name, _written(secret) + SECRET_GOOD)])  # type: ignore[misc]


class CertificateFaultError(Exception):
    """A certificate that this program needs has ended, or was not issued by the fleet's authority. The text names the file and
    what to do."""


def check_certificates(authority: Path, files: Mapping[What, Path], now: datetime) -> None:
    """Raises CertificateFaultError where one of these files, or every authority of the fleet, has ended, or where one was not
    issued by the authority: a damaged one reads like any other. What cannot be read is for who uses it to say."""
    for kind, path in {**files, "authority": authority / "ca" / "ca.pem"}.items():
        ends = [end for end in _read(lambda kind=kind, path=path: _certificates(kind, path)) if isinstance(end, End)]  # type: ignore[misc]
        if ends and all(end.at <= now for end in ends):
            last = max(end.at for end in ends)
            raise CertificateFaultError(
                f"{path}: has ended on {last:%Y-%m-%d}; renew: {RENEWAL[kind]} (or set the machine's clock right)"
            )
    authorities = _loaded(authority / "ca" / "ca.pem")
    if any(not is_issued_by(certificate, certificate) for certificate in authorities):
        raise CertificateFaultError(f"{authority / 'ca' / 'ca.pem'}: is damaged: restore it from the back-up")
    for kind, path in files.items():
        if kind == "web" or not authorities:
            continue
        if any(not any(is_issued_by(certificate, ca) for ca in authorities) for certificate in _loaded(path)[:1]):
            raise CertificateFaultError(
                f"{path}: was not issued by the authority in ca.pem, or is damaged: restore both"
            )


def _loaded(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return []


class ExpiryWatch:
    """Ends, read anew at most once an hour. What cannot be read is in the log, and not among them."""

    def __init__(self, sources: Sources, clock: Callable[[], datetime]) -> None:
        self._sources, self._clock = sources, clock
        self._read: tuple[End, ...] = ()
        self._until: datetime | None = None

    def __call__(self) -> tuple[End, ...]:
        now = self._clock()
        if self._until is None or now >= self._until:
            readings = list(ends_of(self._sources))
            for fault in readings:
                if not isinstance(fault, End):
                    _log.warning("when it ends is not known: %s", fault)
            self._read = tuple(end for end in readings if isinstance(end, End))
            self._until = now + READ_EVERY
        return self._read


def station_end(name: str, certificate_until: str | None, certificate_from: str | None = None) -> End | None:
    """As the station says it; None where it says nothing that is a time."""
    at, since = aware_time(certificate_until or ""), aware_time(certificate_from or "")
    return None if at is None else End("station", name, at, None if since is None else at - since)


def _read(read: Callable[[], Iterable[End]]) -> Iterable[End | OSError | ValueError]:
    try:
        return list(read())
    except (OSError, ValueError) as error:
        return [error]


def _certificates(kind: What, path: Path) -> Iterator[End]:
    """All in the file, such as both authorities while the CA is rotated; the first has no name of its own."""
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise ValueError(f"{path}: no certificate in PEM") from None
    if kind != "authority":
        certificates = certificates[:1]
    for number, certificate in enumerate(certificates):
        which = path.stem if kind == "process" else "" if number == 0 else f"{number + 1}"
        yield End(kind, which, certificate.not_valid_after_utc)


def _issuing(authority: Path) -> list[End]:
    """The newest issuing key is to be replaced before stations' certificates would have to be shorter than they are."""
    try:
        authorities = read_issuing(authority)
    except AuthorityError as error:
        raise ValueError(str(error)) from None
    return [
        End("issuing", "", certificate.not_valid_after_utc - pki.STATION_DAYS * pki.DAY)
        for certificate in authorities[:1]
    ]


def _lists(path: Path) -> list[End]:
    """Of revocations: a broker that holds one that has ended refuses everyone."""
    if not path.exists():
        return []
    lists = [x509.load_pem_x509_crl(f"{part}{_END_OF_LIST}".encode()) for part in _parts(path)]
    ends = [crl.next_update_utc for crl in lists if crl.next_update_utc is not None]
    return [End("list", path.name, min(ends))] if ends else []


def _parts(path: Path) -> list[str]:
    return [part for part in path.read_text("utf-8", "replace").split(_END_OF_LIST) if part.strip()]


def _public(path: Path) -> _Public:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Public)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ValueError(f"{path}: cannot be read") from None


def _keys(path: Path) -> list[End]:
    at = aware_time(_public(path).keys_until)
    return [] if at is None else [End("keys", "", at)]


def _rotation(authority: Path) -> list[End]:
    """A rotation whose overlap is over waits to be finished: for two months, before anybody is told of its end."""
    path = authority / "keys.json"
    if not path.exists():
        return []
    try:
        chain = msgspec.json.decode(path.read_bytes(), type=tuple[str, ...])
        public = _public(authority / "public.json")
        taken = follow_chain(ECKey.import_key(dict(public.signing_key)), chain)
    except (msgspec.MsgspecError, UnicodeDecodeError, JoseError, RotationError):
        raise ValueError(f"{path}: no chain from the key in public.json") from None
    if not taken or taken[-1].is_settled(public.signing_key.get("kid", ""), public.verifier_key, public.ca):
        return []
    return [End("rotation", "", taken[-1].old_until + FINISH_WITHIN)]


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
