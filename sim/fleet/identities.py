"""Identities of simulated stations: a folder with a key and a certificate for each, kept for the next run.

    ca.pem  sim-00001.key  sim-00001.pem  sim-00002.key ...

Keys are EC P-256: cheap to make. The authority that signs them is at hand for whoever starts a simulation, so there are no
claim codes.

>>> names(2)
['sim-00001', 'sim-00002']
"""

import ssl
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

CA_FILE = "ca.pem"


def names(count: int) -> list[str]:
    """The stations' names, the same in every run."""
    return [f"sim-{number:05d}" for number in range(1, count + 1)]


def missing(folder: Path, stations: Iterable[str]) -> list[str]:
    """Return the stations that have no identity here yet."""
    return [name for name in stations if not certificate_file(folder, name).is_file()]


def certificate_file(folder: Path, station: str) -> Path:
    """Written last: where it is, the key is too."""
    return folder / f"{station}.pem"


def key_file(folder: Path, station: str) -> Path:
    """Path of the station's private key, which only its owner may read."""
    return folder / f"{station}.key"


def tls(folder: Path, station: str) -> ssl.SSLContext:
    """Mutual TLS as this station. Raises OSError where a file cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(folder / CA_FILE))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(str(certificate_file(folder, station)), str(key_file(folder, station)))
    return context


def own_key(folder: Path, station: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """To sign with as this station. Raises OSError, ValueError where a file cannot be used."""
    key = load_pem_private_key(key_file(folder, station).read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{key_file(folder, station)}: not a key on an elliptic curve")
    return key, x509.load_pem_x509_certificate(certificate_file(folder, station).read_bytes())
