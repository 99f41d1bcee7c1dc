"""CRLs and OCSP answers as bytes: what was handed in or fetched, kept in a folder, each in a file named by its content.

What is read here is verified by whoever uses it, each time, at the time that counts then: a file that was damaged or
exchanged says nothing, and can say nothing false. A newer list or answer takes the place of an older one of the same
issuer, never the other way round.
"""

import contextlib
import hashlib
import os
import tempfile
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp

from drivers.reader.certificates.revocation import crl, ocsp

MAX_FILES = 4096
"""More than these are not kept; the oldest go first."""


class RevocationStore:
    """A folder of lists and answers; without one they are kept in memory. Safe to share between threads: files only."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}

    def take(self, data: bytes) -> bool:
        """Keep a CRL or an OCSP answer, DER or PEM. False where it is neither, or older than what is there.

        Raises OSError where the folder cannot be written.
        """
        der = _der(data)
        parsed = _made(der)
        if parsed is None:
            return False
        name, since = parsed
        stored = _made(self._read(name, len(der) + crl.MAX_BYTES))
        if stored is not None and stored[1] > since:
            return False
        self._write(name, der)
        return True

    def crl(self, issuer: x509.Name) -> x509.CertificateRevocationList | None:
        """The newest list under that issuer's name, not yet verified."""
        return crl.read(self._read(_crl_name(issuer), crl.MAX_BYTES))

    def ocsp(self, issuer_key_hash: bytes, serial: int) -> x509_ocsp.OCSPResponse | None:
        """The newest answer about that certificate, not yet verified. `issuer_key_hash` is SHA-1."""
        return ocsp.read(self._read(_ocsp_name(issuer_key_hash, serial), ocsp.MAX_BYTES))

    def _read(self, name: str, most: int) -> bytes:
        if self._folder is None:
            return self._memory.get(name, b"")
        try:
            with (self._folder / name).open("rb") as file:
                content = file.read(most + 1)
        except OSError:
            return b""
        return content if len(content) <= most else b""

    def _write(self, name: str, der: bytes) -> None:
        """Whole or not at all."""
        if self._folder is None:
            self._memory[name] = der
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft_name = tempfile.mkstemp(prefix=".", dir=self._folder)
        draft = Path(draft_name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(der)
            draft.replace(self._folder / name)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        self._prune(self._folder)

    def _prune(self, folder: Path) -> None:
        files = [path for path in folder.glob("*.der") if path.is_file()]
        if len(files) <= MAX_FILES:
            return
        files.sort(key=lambda path: path.stat().st_mtime)
        for path in files[: len(files) - MAX_FILES]:
            path.unlink(missing_ok=True)


def _der(data: bytes) -> bytes:
    if not data.lstrip().startswith(b"-----BEGIN X509 CRL-----"):
        return data
    try:
        return x509.load_pem_x509_crl(data).public_bytes(Encoding.DER)
    except crl.FAULTS:
        return b""


def _made(der: bytes) -> tuple[str, datetime] | None:
    """Name of the file and time of the content; None for neither a list nor an answer."""
    listed = crl.read(der)
    if listed is not None:
        return _crl_name(listed.issuer), listed.last_update_utc
    answer = ocsp.read(der)
    if answer is None:
        return None
    try:
        single = next(iter(answer.responses))
        if single.hash_algorithm.name != "sha1":
            return None  # not an answer to our kind of question
        return _ocsp_name(single.issuer_key_hash, single.serial_number), single.this_update_utc
    except (StopIteration, *ocsp.FAULTS):
        return None


def _crl_name(issuer: x509.Name) -> str:
    return f"crl-{hashlib.sha256(issuer.public_bytes()).hexdigest()}.der"


def _ocsp_name(issuer_key_hash: bytes, serial: int) -> str:
    return f"ocsp-{hashlib.sha256(issuer_key_hash + b'/' + str(serial).encode()).hexdigest()}.der"
