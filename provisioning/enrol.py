"""Enrolment: a station makes its own key, which never leaves its directory, and trades a claim code for a certificate."""

from datetime import datetime
from pathlib import Path
from typing import Protocol

from fleet.agent.identity import Broker, Identity
from provisioning import pki
from provisioning.authority import EnrolledStation
from provisioning.identity import check_vacant, write_identity


class EnrolmentAuthority(Protocol):
    """Signer under a claim code: an authority's directory at hand."""

    def enrol(self, code: str, request: bytes, now: datetime) -> EnrolledStation: ...


def enrol(authority: EnrolmentAuthority, into: Path, broker: Broker, code: str, now: datetime) -> Identity:
    """Enrol a station into an empty or new directory.

    Raises IdentityError (a directory that is not empty: before the code is used), ClaimRefused, AuthorityError,
    OSError.
    """
    check_vacant(into)
    key = pki.new_key()
    enrolled = authority.enrol(code, pki.make_request(key), now)
    return write_identity(into, pki.key_pem(key), enrolled, broker)


def parse_broker(text: str) -> Broker:
    """`HOST:PORT`, an IPv6 address in brackets. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return Broker(host, int(port))
