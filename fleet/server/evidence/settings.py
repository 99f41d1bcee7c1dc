"""Settings of evidence, `evidence.toml`: the region's time-stamping authority (RFC 3161). Paths are relative to the file.

tsa_url = "https://tsa.example/tsr"
tsa_ca = "tsa-roots.pem"              # roots of the certificates that sign the time stamps
tls_ca = "tls-roots.pem"              # of the connection; without, the machine's own
"""

import ssl
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography import x509

from fleet.server.evidence.signature import SealError, read_certificates
from fleet.server.process.default_settings import SettingsError, load_struct

Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s?#]{1,300}$")]


class EvidenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Plain HTTP is allowed: a token is signed, and what is sent is a digest."""

    tsa_url: Url
    tsa_ca: str
    tls_ca: str = ""

    @classmethod
    def load(cls, path: Path) -> "EvidenceSettings":
        """With absolute paths. Raises SettingsError."""
        settings = load_struct(path, cls)
        base = path.resolve().parent
        tls_ca = str(base / settings.tls_ca) if settings.tls_ca else ""
        return msgspec.structs.replace(settings, tsa_ca=str(base / settings.tsa_ca), tls_ca=tls_ca)

    def roots(self) -> tuple[x509.Certificate, ...]:
        """Of the time stamps. Raises SettingsError."""
        try:
            return read_certificates(Path(self.tsa_ca))
        except SealError as error:
            raise SettingsError(f"tsa_ca: {error}") from None

    def tls(self) -> ssl.SSLContext | None:
        """Return a context that trusts `tls_ca`; None: the connection trusts whom the machine does. Raises SettingsError."""
        if not self.tls_ca:
            return None
        try:
            return ssl.create_default_context(cafile=self.tls_ca)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"tls_ca: {self.tls_ca}: {error.strerror or 'no certificates in PEM'}") from None
