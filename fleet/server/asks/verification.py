"""Verification of a station's signature on an ask, and replay protection.

Rules: the certificate in the ask was issued to that station by the fleet's authority as a client's, is valid now and not
revoked; the time is within `CLOCK_SLACK` of ours; a nonce of a station is taken once. Nonces are kept in this process, for as
long as their time could pass: after a restart, or at another process of a cluster, an ask may be replayed within those minutes.
Then it does nothing new: what changes something is done once for its id, and the answer, bound to the nonce, is the station's.
"""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from fleet.messages.signed import CLOCK_SLACK, OpenedAsk, SignedError, open_ask
from fleet.messages.statements import Authorities, fault_of, name_of
from fleet.server.asks.revocation_list import RevocationLists

REMEMBERED = 2 * CLOCK_SLACK
"""How long a nonce counts as taken: from the earliest moment at which its time passes to the latest."""
MOST_CERTIFICATES = 20_000
MOST_STATIONS = 20_000

Clock = Callable[[], datetime]
Reason = Literal["unsigned", "stranger", "other_station", "revoked", "not_valid", "replayed"]


class AskRefusedError(Exception):
    """It is not believed, and gets no answer. `reason` is a stable code."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class ClockError(Exception):
    """The station's own, but its clock is off. `nonce` is the ask's."""

    def __init__(self, nonce: str) -> None:
        super().__init__("the time of the ask is too far from the server's")
        self.nonce = nonce


@dataclass(slots=True)
class _Taken:
    """Nonces of one station, in the order in which they came."""

    nonces: set[str] = field(default_factory=set)
    order: deque[tuple[datetime, str]] = field(default_factory=deque)


class AskVerifier:
    def __init__(self, authorities: Authorities, revoked: RevocationLists, clock: Clock) -> None:
        self._authorities = authorities
        self._revoked = revoked
        self._clock = clock
        self._issued: OrderedDict[bytes, None] = OrderedDict()
        """Digests of certificates that the authority has issued to a client."""
        self._taken: OrderedDict[str, _Taken] = OrderedDict()

    def verify(self, station: str, payload: bytes) -> OpenedAsk:
        """The ask, signed by that station just now for the first time. Raises AskRefusedError, ClockError."""
        try:
            opened = open_ask(payload)
        except SignedError:
            raise AskRefusedError("unsigned") from None
        now = self._clock()
        self._check_certificate(opened.certificate, station, now)
        if opened.signed.station != station:
            raise AskRefusedError("other_station")
        if abs(opened.time - now) > CLOCK_SLACK:
            raise ClockError(opened.signed.nonce)
        self._take(station, opened.signed.nonce, now)
        return opened

    def _check_certificate(self, certificate: x509.Certificate, station: str, now: datetime) -> None:
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
        if digest not in self._issued:
            began = certificate.not_valid_before_utc  # whether it is valid now is asked each time
            if not _is_client(certificate) or fault_of(certificate, self._authorities, began) is not None:
                raise AskRefusedError("stranger")
            _make_room(self._issued, MOST_CERTIFICATES)
            self._issued[digest] = None
        if name_of(certificate) != station:
            raise AskRefusedError("other_station")
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise AskRefusedError("not_valid")
        if self._revoked.has(certificate):
            raise AskRefusedError("revoked")

    def _take(self, station: str, nonce: str, now: datetime) -> None:
        taken = self._taken.get(station)
        if taken is None:
            _make_room(self._taken, MOST_STATIONS)
            taken = self._taken[station] = _Taken()
        self._taken.move_to_end(station)
        _forget(taken, now - REMEMBERED)
        if nonce in taken.nonces:
            raise AskRefusedError("replayed")
        taken.nonces.add(nonce)
        taken.order.append((now, nonce))


def _is_client(certificate: x509.Certificate) -> bool:
    """The broker's and the server's certificates are no station's, whatever host name stands in them (RFC 5280 4.2.1.12)."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def _forget(taken: _Taken, before: datetime) -> None:
    while taken.order and taken.order[0][0] < before:
        taken.nonces.discard(taken.order.popleft()[1])


def _make_room(kept: "OrderedDict[bytes, None] | OrderedDict[str, _Taken]", most: int) -> None:
    """The one that came longest ago goes."""
    while len(kept) >= most:
        kept.popitem(last=False)
