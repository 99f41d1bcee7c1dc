"""Debian's `estserver` (libest, by Cisco) over a certificate authority of `openssl ca`: an EST server that is not ours.

It knows no label in the path. It listens on every address, and lets in who has a certificate of its own authority alone, or the
one user that is built into it.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from provisioning import pki
from sim.issuer.authority import CertifiedKey, make_authority, write
from sim.issuer.tls_certificates import TlsFiles
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_port

PROGRAM = shutil.which("estserver")
CONFIG = """
[ca]
default_ca = cards
[cards]
dir = {folder}
new_certs_dir = {folder}
database = {folder}/index.txt
serial = {folder}/serial
certificate = {folder}/issuing.pem
private_key = {folder}/issuing.key.pem
default_days = {days}
default_md = sha256
unique_subject = no
policy = any
x509_extensions = card
[any]
commonName = optional
serialNumber = optional
[card]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
certificatePolicies = 1.2.752.74.5.3
authorityKeyIdentifier = keyid
subjectKeyIdentifier = hash
"""


@dataclass(frozen=True, slots=True)
class EstServer:
    """Address and trust of a server that runs."""

    url: str
    tls: TlsFiles
    root: x509.Certificate


@contextlib.asynccontextmanager
async def estserver(
    folder: Path, now: datetime, days: int = 365, *, passwords: bool = False
) -> AsyncIterator[EstServer]:
    """Until the context ends. `passwords`: it lets in estuser with estpwd, and shows a certificate of its own root."""
    root = make_authority("Foreign Root", None, now)
    write(folder, "root", root)
    write(folder, "issuing", make_authority("Foreign Card CA", root, now))
    tls = TlsFiles.load_or_create(folder / "tls", ["localhost", "127.0.0.1"], now)
    (folder / "chain.pem").write_bytes(b"".join((folder / f"{name}.pem").read_bytes() for name in ("issuing", "root")))
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.cnf").write_text(CONFIG.format(folder=folder, days=days))
    if passwords:
        key = pki.new_key()
        shown = pki.issue_server(pki.Issuer(root.certificate, root.key), ["localhost"], key.public_key(), now)
        write(folder / "tls", "server", CertifiedKey(shown, key))
    with running(folder, tls, port := free_port(), () if passwords else ("-n",)):
        await until_heard(port)
        yield EstServer(f"https://localhost:{port}", tls, root.certificate)


@contextlib.contextmanager
def running(folder: Path, tls: TlsFiles, port: int, options: tuple[str, ...]) -> Iterator[None]:
    places = {"CACERTS_RESP": "chain.pem", "TRUSTED_CERTS": "tls/tls.pem", "OPENSSL_CACONFIG": "ca.cnf"}
    certificate, key = map(str, tls.server)
    with (folder / "estserver.log").open("wb") as log:
        process = subprocess.Popen(
            [str(PROGRAM), "-c", certificate, "-k", key, "-r", "cards", *options, "-p", str(port)],
            cwd=folder, env={**os.environ, **{f"EST_{name}": str(folder / file) for name, file in places.items()}},
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield
        finally:
            process.kill()
            process.wait(LIMIT_S)


async def until_heard(port: int) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("localhost", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
