"""Certificate authority of the fleet: a directory of keys, made once, that turns a claim code into a station's certificate.

Layout (mode 0700, private keys 0600):

    ca/ca.key ca/ca.pem ca/crl.pem                      the CA and its list of revocations; ca.pem has all, once it is rotated
    server/broker.key server/broker.pem                 TLS server certificate of the broker
    server/fleet-server.key server/fleet-server.pem     TLS client certificate of the server
    server/fleet-server-NAME.key, .pem                  of further processes of it (`processes`)
    server/issuing-N.key ca/issuing.pem                 issues stations' certificates at the server (`issuing`)
    server/signing.key                                  ES256: signs what stations sync
    verifier/hpke.key verifier/envelope-keys.json       only the envelope verifier's process reads these
    public.json keys.json                               what a station pins at enrolment; the chain of rotated keys
    claims.json issued.json                             claim codes (salted hashes) and issued certificates
"""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey

from fleet.messages.key_rotation import Handover, RotationError, follow_chain
from fleet.messages.topics import Topics
from provisioning import files, pki
from provisioning.claim import ClaimRefused, check, id_of, make_claim
from provisioning.keys import storage
from provisioning.keys.secrets import KeyFileError, SecretFileError, Unlock, ask
from provisioning.registry import CertificateRecord, Registry

DEFAULT_SERVER_NAMES = ("localhost", "127.0.0.1", "::1")
SERVER_CLIENT_NAME = "fleet-server"
PUBLIC_FILE = "public.json"
CRL_FILE = "ca/crl.pem"
ISSUING_FILE = "ca/issuing.pem"
ISSUING_CRL_FILE = "ca/issuing-crl.pem"
"""The server writes it: it is not exported."""
KEYS_FILE = "keys.json"
"""The chain of statements of key rotation, once keys have been rotated."""
REVOKED_SIGNERS = "updates/revoked.json"
"""Signers of updates whose key has leaked: when, by serial number (hex)."""
KEYS_GOOD = timedelta(days=730)
"""So long signing key and verifier's key are used before they are to be rotated."""


class AuthorityError(Exception):
    """The authority cannot do it. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class EnrolledStation:
    """Answer to a station's claim code: its certificate, and the server's keys."""

    station: str
    epoch: int
    certificate: bytes
    ca: bytes
    signing_key: dict[str, str]
    verifier_key: str


class Authority:
    """An authority on disk. `init` makes one, `Authority(directory)` opens one."""

    def __init__(self, directory: Path, unlock: Unlock = ask) -> None:
        """`unlock` gives passphrase or PIN where the CA's key wants one. Raises AuthorityError where there is none."""
        if not (directory / PUBLIC_FILE).is_file():
            raise AuthorityError(f"{directory} holds no authority; make one with `kortkiosk-provision authority init`")
        self.directory = directory
        self.registry = Registry(directory)
        self._unlock = unlock

    @classmethod
    def init(
        cls, directory: Path, server_names: Sequence[str], now: datetime, *, like: bytes = b"", unlock: Unlock = ask
    ) -> "Authority":
        """Make all keys. `like`: how the CA's is kept (`storage.keep_new`). Raises AuthorityError where the directory holds
        anything, or the key cannot be made."""
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise AuthorityError(f"{directory} is not empty: an authority is never overwritten")
        with files.atomic_directory(directory) as beside:
            for part in ("ca", "server", "verifier"):
                files.make_directory(beside / part)
            ca = pki.make_ca(now, make_ca_key(beside / "ca/ca.key", like, unlock))
            files.write_file(beside / "ca/ca.pem", pki.certificate_pem(ca.certificate), files.PUBLIC)
            files.write_file(beside / CRL_FILE, pki.make_crl(ca, [], now), files.PUBLIC)
            _make_server(beside / "server", ca, server_names, now)
            _make_public(beside, ca.certificate, now)
        return cls(directory, unlock)

    def claim(self, station: str, now: datetime, valid_hours: float = 24.0) -> str:
        """A new one-time code for this station: the only time that it is shown. Raises AuthorityError."""
        check_station_name(station)
        if valid_hours <= 0:
            raise AuthorityError("a claim code must be valid for more than 0 hours")
        with files.directory_lock(self.directory):
            claims = self.registry.claims()
            code, claim = make_claim(station, now, valid_hours, frozenset(claims))
            self.registry.keep_claim(claim)
        return code

    def enrol(self, code: str, request: bytes, now: datetime) -> EnrolledStation:
        """Sign a station's request under its claim code. Raises ClaimRefused, AuthorityError."""
        try:
            public = pki.read_request(request)
        except ValueError as error:
            raise AuthorityError(str(error)) from None
        with files.directory_lock(self.directory):
            issuer = self.issuer()  # before the code is used: its key may not open
            station = self._use_claim(code, now)
            epoch = 1 + max((record.epoch for record in self.registry.issued() if record.station == station), default=0)
            certificate = pki.issue_client(issuer, station, public, now, self._station_days)
            self.registry.add_issued(
                CertificateRecord(station, epoch, certificate.serial_number, now, certificate.not_valid_after_utc)
            )
        return self._enrolled(station, epoch, certificate)

    def enrol_all(self, keys: Mapping[str, ec.EllipticCurvePublicKey], now: datetime) -> dict[str, EnrolledStation]:
        """Give these stations a certificate without claim codes: whoever calls this holds the CA's key anyway.

        For simulated stations, thousands at a time. As with `enrol`, each enrolment of a station has an epoch of its own.
        Raises AuthorityError for a name of no station.
        """
        with files.directory_lock(self.directory):
            issued, issuer = self.registry.issued(), self.issuer()
            for name in keys:
                check_station_name(name)
            before = Counter(
                {record.station: record.epoch for record in sorted(issued, key=lambda record: record.epoch)}
            )
            made = {name: pki.issue_client(issuer, name, key, now, self._station_days) for name, key in keys.items()}
            fresh = [
                CertificateRecord(
                    name, before[name] + 1, certificate.serial_number, now, certificate.not_valid_after_utc
                )
                for name, certificate in made.items()
            ]
            self.registry.keep_issued([*issued, *fresh])
        return {name: self._enrolled(name, before[name] + 1, certificate) for name, certificate in made.items()}

    def _enrolled(self, station: str, epoch: int, certificate: x509.Certificate) -> EnrolledStation:
        stated = files.read_json(self.directory / PUBLIC_FILE)
        return EnrolledStation(
            station=station,
            epoch=epoch,
            certificate=pki.certificate_pem(certificate),
            ca=(self.directory / "ca/ca.pem").read_bytes(),
            signing_key=stated["signing_key"],
            verifier_key=stated["verifier_key"],
        )

    @property
    def _station_days(self) -> int:
        """Short where the server renews certificates."""
        return pki.STATION_DAYS if (self.directory / ISSUING_FILE).exists() else pki.LEAF_DAYS

    @property
    def signing_key(self) -> dict[str, str]:
        """The server's, as a public JWK: what stations get with their identity."""
        key: dict[str, str] = files.read_json(self.directory / PUBLIC_FILE)["signing_key"]
        return key

    def chain(self) -> list[str]:
        """All statements of key rotation, oldest first."""
        texts: list[str] = files.read_json(self.directory / KEYS_FILE, default=[])
        return texts

    def rotation(self) -> Handover | None:
        """The rotation that is under way: its keys are stated, and public.json names the old ones. Raises AuthorityError."""
        public = files.read_json(self.directory / PUBLIC_FILE)
        pinned = ECKey.import_key(public["signing_key"])
        try:
            taken = follow_chain(pinned, self.chain())
        except RotationError as error:
            raise AuthorityError(f"{self.directory / KEYS_FILE}: {error}") from None
        if not taken or taken[-1].is_settled(pinned.thumbprint(), public["verifier_key"], public["ca"]):
            return None
        return taken[-1]

    def revoke(self, station: str, now: datetime) -> int:
        """Revoke every certificate of this station and write the CRL. Returns how many were newly revoked.

        Raises AuthorityError where the station never had one.
        """
        with files.directory_lock(self.directory):
            issued = self.registry.issued()
            if not any(record.station == station for record in issued):
                raise AuthorityError(f"{station} was never enrolled here")
            fresh = [record for record in issued if record.station == station and record.revoked is None]
            kept = [replace(record, revoked=now) if record in fresh else record for record in issued]
            self.registry.keep_issued(kept)
            self._write_crl(kept, now)
        return len(fresh)

    def write_crl(self, now: datetime) -> int:
        """Write the list of revocations anew, as for a copy whose end is near. Returns how many it names."""
        with files.directory_lock(self.directory):
            return self._write_crl(self.registry.issued(), now)

    def _write_crl(self, issued: Sequence[CertificateRecord], now: datetime) -> int:
        revoked = [(record.serial, record.revoked) for record in issued if record.revoked is not None]
        signers: dict[str, str] = files.read_json(self.directory / REVOKED_SIGNERS, default={})
        revoked += [(int(serial, 16), datetime.fromisoformat(when)) for serial, when in signers.items()]
        lists = [pki.make_crl(issuer, revoked, now) for issuer in self.issuers()]
        files.write_file(self.directory / CRL_FILE, b"".join(lists), files.PUBLIC)
        return len(revoked)

    def _use_claim(self, code: str, now: datetime) -> str:
        kept, opened = check(self.registry.claims().get(id_of(code)), code, now)
        if kept is not None:
            # Durable before the certificate exists: a crash may cost the code, never give two certificates for it.
            self.registry.keep_claim(kept)
        if kept is None or not opened:
            raise ClaimRefused("this claim code is not valid: mistyped, used, expired, or tried too often")
        return kept.station

    def issuer(self) -> pki.Issuer:
        """Return the issuer that signs certificates: the CA's key is needed for it."""
        return self.issuers()[0]

    def issuers(self) -> list[pki.Issuer]:
        """All authorities in ca.pem whose keys are here, the one that signs certificates first: the others sign revocations."""
        issuers = list(self.key_files().values())
        if not issuers or issuers[0].public != self.ca_key(self.directory / "ca/ca.key").public_key():
            raise AuthorityError(f"{self.directory}/ca/ca.pem holds no certificate of ca.key")
        return issuers

    def key_files(self) -> dict[Path, pki.Issuer]:
        """The authorities in ca.pem by the file of their key, those that have one here."""
        paths = [self.directory / "ca/ca.key", *sorted((self.directory / "ca").glob("ca-*.key"))]
        certificates = x509.load_pem_x509_certificates((self.directory / "ca/ca.pem").read_bytes())
        keys = [(path, self.ca_key(path)) for path in paths]
        return {
            path: pki.Issuer(certificate, key)
            for path, key in keys
            for certificate in certificates
            if certificate.public_key() == key.public_key()
        }

    def ca_key(self, path: Path) -> ec.EllipticCurvePrivateKey:
        """A key of the CA's, opened. Raises AuthorityError, OSError."""
        return load_key(path, self._unlock)

    def make_ca_key(self, path: Path) -> None:
        """Another one, kept as the one in use is. Raises AuthorityError, OSError."""
        make_ca_key(path, (self.directory / "ca/ca.key").read_bytes(), self._unlock)

    def refresh_crl(self, now: datetime) -> None:
        """Write the list anew, where there is one: call it under the lock, once the authorities have changed."""
        if (self.directory / CRL_FILE).exists():
            self._write_crl(self.registry.issued(), now)


def check_station_name(station: str) -> None:
    """Raises AuthorityError where no station may have that name."""
    try:
        Topics(station)
    except ValueError as error:
        raise AuthorityError(str(error)) from None
    if station == SERVER_CLIENT_NAME or station.startswith(f"{SERVER_CLIENT_NAME}-"):
        raise AuthorityError(f"{station} is a name of the server's own: choose another")


def load_key(path: Path, unlock: Unlock = ask) -> ec.EllipticCurvePrivateKey:
    """A private key of the authority's, wherever it is kept. Raises AuthorityError, OSError."""
    try:
        return storage.load(path.read_bytes(), path.name, unlock)
    except (KeyFileError, SecretFileError) as error:
        raise AuthorityError(str(error)) from None


def make_ca_key(path: Path, like: bytes, unlock: Unlock) -> ec.EllipticCurvePrivateKey:
    """A new key of the CA's, kept as the key file `like` is; on a token under the name that the path gives it. Raises
    AuthorityError, OSError."""
    try:
        content = storage.keep_new(like, path.name, unlock)
    except (KeyFileError, SecretFileError) as error:
        raise AuthorityError(str(error)) from None
    files.write_file(path, content)
    return load_key(path, unlock)


def _make_server(directory: Path, ca: pki.Issuer, server_names: Sequence[str], now: datetime) -> None:
    broker = pki.new_key()
    names = list(dict.fromkeys([*DEFAULT_SERVER_NAMES, *server_names]))
    files.write_file(directory / "broker.key", pki.key_pem(broker))
    certificate = pki.issue_server(ca, names, broker.public_key(), now)
    files.write_file(directory / "broker.pem", pki.certificate_pem(certificate), files.PUBLIC)
    server = pki.new_key()
    files.write_file(directory / "fleet-server.key", pki.key_pem(server))
    certificate = pki.issue_client(ca, SERVER_CLIENT_NAME, server.public_key(), now)
    files.write_file(directory / "fleet-server.pem", pki.certificate_pem(certificate), files.PUBLIC)
    files.write_file(directory / "signing.key", pki.key_pem(pki.new_key()))


def _make_public(directory: Path, ca: x509.Certificate, now: datetime) -> None:
    """The verifier's keys, and what a station pins."""
    hpke = X25519PrivateKey.generate()
    pem = hpke.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.write_file(directory / "verifier/hpke.key", pem)
    files.write_json(directory / "verifier/envelope-keys.json", {})
    raw = hpke.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public: dict[str, Any] = {
        "ca": pki.certificate_pem(ca).decode(),
        "signing_key": public_jwk(load_key(directory / "server/signing.key")),
        "verifier_key": base64.b64encode(raw).decode(),
        "keys_until": (now + KEYS_GOOD).isoformat(),
    }
    files.write_json(directory / PUBLIC_FILE, public, files.PUBLIC)


def public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """The public JWK of a key, its `kid` the RFC 7638 thumbprint."""
    jwk = ECKey.import_key(key.public_key())
    fields = {name: str(value) for name, value in jwk.as_dict(private=False).items()}
    return {**fields, "kid": jwk.thumbprint(), "alg": "ES256", "use": "sig"}
