"""Writer of a station's identity directory, whole or not at all. The reader, and its checks, are `fleet.agent.identity`."""

from pathlib import Path

import msgspec

from fleet.agent.identity import (
    CA_FILE,
    CERTIFICATE_FILE,
    IDENTITY_FILE,
    KEY_FILE,
    STORE_KEY_FILE,
    SUMS_FILE,
    Broker,
    Identity,
    IdentityError,
    IdentityFile,
    new_store_key,
    sums_of,
)
from provisioning import files
from provisioning.authority import EnrolledStation


def check_vacant(directory: Path) -> None:
    """Raises IdentityError where the directory holds anything: an identity is never overwritten."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise IdentityError(
            directory, "is not empty: an identity is never overwritten; choose another, or move it away"
        )


def write_identity(directory: Path, key_pem: bytes, enrolled: EnrolledStation, broker: Broker) -> Identity:
    """Write all files, check them, then put them in place in one step. Raises IdentityError, OSError."""
    check_vacant(directory)
    stated = IdentityFile(enrolled.station, enrolled.epoch, broker, enrolled.signing_key, enrolled.verifier_key)
    with files.atomic_directory(directory) as beside:
        files.write_file(beside / KEY_FILE, key_pem)
        files.write_file(beside / CERTIFICATE_FILE, enrolled.certificate)
        files.write_file(beside / CA_FILE, enrolled.ca)
        files.write_file(beside / STORE_KEY_FILE, new_store_key())
        content = msgspec.json.format(msgspec.json.encode(stated), indent=2)
        files.write_file(beside / IDENTITY_FILE, content + b"\n")
        files.write_file(beside / SUMS_FILE, sums_of(beside))
        Identity.load(beside)
    return Identity.load(directory)
