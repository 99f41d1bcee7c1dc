"""A directory of made-up people: Debian's slapd on this machine, with TLS, an authority and a folder of its own.

Entries are written as an administrator of the directory does, by LDAP. It is ended with the context.
"""

import datetime
import ipaddress
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fleet.server.people.directory_settings import AttributeMap, LdapSettings
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_address

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/bin:/sbin")
SUFFIX = "dc=region,dc=example"
PEOPLE = f"ou=people,{SUFFIX}"
LIMITED = f"cn=limited,{SUFFIX}"
READER, READER_SECRET = f"cn=kortkiosk,{SUFFIX}", "test-reader-secret"
_ROOT, _ROOT_SECRET = f"cn=root,{SUFFIX}", "test-root-secret"
_SCHEMAS = "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
_CONFIGURATION = """
{schemas}
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
sizelimit unlimited
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
security simple_bind=128
database mdb
directory {folder}/data
suffix {suffix}
rootdn {root}
rootpw {secret}
limits dn.exact="{reader}" size.prtotal=unlimited size=5
limits dn.exact="{limited}" size.prtotal=8 size=5
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by dn.exact="{limited}" read by * none
"""
"""Without TLS it lets nobody in. The reader gets five entries at a time; `LIMITED` gets eight in all, and has the same secret."""


class DirectoryServer:
    """A running slapd with the reader's account and no people."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secure, self.plain = (str(free_address()) for _ in range(2))
        (folder / "data").mkdir()
        _certificates(folder)
        text = _CONFIGURATION.format(
            schemas=_SCHEMAS,
            folder=folder,
            suffix=SUFFIX,
            root=_ROOT,
            secret=_ROOT_SECRET,
            reader=READER,
            limited=LIMITED,
        )
        (folder / "slapd.conf").write_text(text)
        (folder / "bind.secret").write_text(READER_SECRET + "\n")
        (folder / "bind.secret").chmod(0o600)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert SLAPD is not None
        urls = f"ldaps://{self.secure}/ ldap://{self.plain}/"
        words = [SLAPD, "-f", str(self.folder / "slapd.conf"), "-h", urls, "-d", "0"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)
        deadline = time.monotonic() + LIMIT_S
        while not _answers(self.secure):
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "slapd does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it; it may be started again with what it holds."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(LIMIT_S)
            self._process = None

    def settings(self, **changed: Any) -> LdapSettings:
        """As a region would write them."""
        names = AttributeMap(
            hsa_id="employeeNumber", name="cn", left="roomNumber", mail="mail", organisation="o",
            certificates="userCertificate;binary",
        )  # fmt: skip
        values: dict[str, Any] = {
            "url": f"ldaps://{self.secure}", "ca": str(self.folder / "ca.pem"), "bind_dn": READER,
            "bind_secret": str(self.folder / "bind.secret"), "base": PEOPLE, "attributes": names,
            "filter": "(objectClass=inetOrgPerson)", "page": 4,
        }  # fmt: skip
        return LdapSettings(**{**values, **changed})

    def write_settings(self, path: Path) -> Path:
        """The same as a file."""
        said = msgspec.to_builtins(self.settings())
        tables = {"ldap.attributes": said.pop("attributes")}
        lines = []
        for name, table in ({"ldap": said} | tables).items():
            lines += [
                f"[{name}]",
                *(f"{key} = {json.dumps(value)}" for key, value in table.items() if value is not None),
            ]
        path.write_text("\n".join(lines))
        return path

    def add(self, hsa_id: str, name: str, **more: str | bytes) -> None:
        """A person, with further attributes."""
        values = {"cn": name, "sn": name.split()[-1], "employeeNumber": hsa_id, **more}
        self._write(_dn(hsa_id), {"objectClass": ["inetOrgPerson"]} | {key: [value] for key, value in values.items()})

    def change(self, hsa_id: str, **values: str) -> None:
        """Other values of these attributes."""
        with self._session() as session:
            (entry,) = session.search(_dn(hsa_id), 0)
            for key, value in values.items():
                entry[key] = [value]
            entry.modify()

    def remove(self, *hsa_ids: str) -> None:
        """Take people out."""
        with self._session() as session:
            for hsa_id in hsa_ids:
                session.delete(_dn(hsa_id))

    def begin(self) -> None:
        """The tree, and the account that reads."""
        self._write(SUFFIX, {"objectClass": ["dcObject", "organization"], "dc": ["region"], "o": ["Region"]})
        self._write(PEOPLE, {"objectClass": ["organizationalUnit"], "ou": ["people"]})
        kinds = {"objectClass": ["applicationProcess", "simpleSecurityObject"], "userPassword": [READER_SECRET]}
        for dn in (READER, LIMITED):
            self._write(dn, {**kinds, "cn": [dn.split(",")[0].removeprefix("cn=")]})

    def _write(self, dn: str, values: Mapping[str, list[Any]]) -> None:
        import bonsai

        entry = bonsai.LDAPEntry(dn)
        for key, value in values.items():
            entry[key] = value
        with self._session() as session:
            session.add(entry)

    def _session(self) -> Any:
        import bonsai

        client = bonsai.LDAPClient(f"ldaps://{self.secure}")
        client.set_ca_cert(str(self.folder / "ca.pem"))
        client.set_credentials("SIMPLE", user=_ROOT, password=_ROOT_SECRET)
        return client.connect(timeout=LIMIT_S)


@contextmanager
def directory_server() -> Iterator[DirectoryServer]:
    """A running one, until the context ends; the test is left out where slapd or bonsai is not there."""
    pytest.importorskip("bonsai", reason="bonsai is not installed (extra ldap)")
    if SLAPD is None:
        pytest.skip("slapd is not installed (Debian package slapd)")
    folder = Path(tempfile.mkdtemp(prefix="slapd-"))
    made = DirectoryServer(folder)
    try:
        made.start()
        made.begin()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def directory() -> Iterator[DirectoryServer]:
    """An empty directory of the test's own."""
    with directory_server() as made:
        yield made


def _dn(hsa_id: str) -> str:
    return f"uid={hsa_id},{PEOPLE}"


def _answers(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _certificates(folder: Path) -> None:
    """An authority, a certificate for this machine's address, and another authority that signed neither."""
    key, authority = _certificate("Test CA of a directory", None)
    (folder / "ca.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    own, certificate = _certificate("127.0.0.1", (authority.subject, key))
    (folder / "server.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "server.key").write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _, stranger = _certificate("Test CA of somebody else", None)
    (folder / "other-ca.pem").write_bytes(stranger.public_bytes(Encoding.PEM))


def _certificate(
    name: str, signer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signing = (subject, key) if signer is None else signer
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    made = made.not_valid_after(now + datetime.timedelta(days=30))
    made = made.add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
    if signer is not None:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return key, made.sign(signing, hashes.SHA256())
