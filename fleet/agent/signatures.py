"""Signing of asks, and verification of answers and acknowledgements under the pinned key.

Rules: one of these lives as long as its connection; a renewed key signs from its renewal on (`renew`). `acked` that was signed
well before the newest that came is a replay: it could name events as held that a server restored from a copy has lost since. The
answer to `keys` may be signed by a key that the statements in it lead to: a station that lay on a shelf knows no newer one.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from joserfc.jwk import ECKey, GuestProtocol

from fleet.agent.identity import Identity
from fleet.messages.key_rotation import RotationError, follow_chain
from fleet.messages.link import Acked, Ask
from fleet.messages.signed import (
    CLOCK_SLACK,
    AckedReader,
    SignedAnswer,
    SignedError,
    open_answer,
    sign_ask,
    unverified_answer,
)

LOG_EVERY_S = 60.0

log = logging.getLogger(__name__)


class Signatures:
    """Of one station and connection. Raises IdentityError where its key or certificate cannot be read."""

    def __init__(self, identity: Identity) -> None:
        self._station = identity.station
        self.own = identity.private_key(), identity.certificate()
        self._keys = identity.server_keys
        self._acked = AckedReader(self._keys.find)
        self._newest: datetime | None = None

    def renew(self, identity: Identity) -> None:
        """Sign with the key that the identity has now. Raises IdentityError."""
        self.own = identity.private_key(), identity.certificate()

    def sign(self, ask: Ask, now: datetime) -> tuple[str, bytes]:
        """The nonce of the ask, and the payload of its message."""
        return sign_ask(self.own, self._station, ask, now)

    def open_answer(self, payload: bytes, nonce: str, *, with_keys: bool = False) -> SignedAnswer:
        """The server's answer to the ask of that nonce. `with_keys`: the ask was for the server's keys. Raises SignedError."""
        try:
            answer = open_answer(payload, self._keys.find)
        except SignedError:
            if not with_keys:
                raise
            answer = open_answer(payload, self._handed_over(payload))
        if answer.station != self._station:
            raise SignedError("it was made for another station")
        if answer.nonce != nonce:
            raise SignedError("it answers another ask")
        return answer

    def _handed_over(self, payload: bytes) -> Callable[[GuestProtocol], ECKey]:
        """Finds the key of an answer among those that its own statements hand over to. Raises SignedError."""
        claimed = unverified_answer(payload)
        try:
            taken = follow_chain(self._keys.newest, claimed.keys if claimed else (), after=self._keys.sequence)
        except RotationError as error:
            raise SignedError(f"the keys in it do not follow from the server's: {error}") from None
        by_thumbprint = {handover.signing_key.thumbprint(): handover.signing_key for handover in taken}

        def find(signed: GuestProtocol) -> ECKey:
            try:
                return by_thumbprint[str(signed.headers().get("kid"))]
            except KeyError:
                raise ValueError("signed by a key that the statements do not lead to") from None

        return find

    def open_acked(self, payload: bytes) -> Acked:
        """Verify an acknowledgement and return what the server holds. Raises SignedError."""
        acked, signed_at = self._acked.open(payload, self._station)
        newest = self._newest or signed_at
        if signed_at + CLOCK_SLACK < newest:
            raise SignedError("it was signed long before the last one")
        self._newest = max(newest, signed_at)
        return acked


class DroppedMessages:
    """Counts messages that were dropped, with a line in the log at most once a minute for each kind."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._logged_at: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        """By the last part of the topic."""

    def note(self, kind: str, why: Exception) -> None:
        """One more. `why` shows nothing of its content."""
        self.counts[kind] = count = self.counts.get(kind, 0) + 1
        now = self._monotonic()
        if now - self._logged_at.get(kind, float("-inf")) >= LOG_EVERY_S:
            self._logged_at[kind] = now
            log.warning("dropped a message on %s (%d so far): %s", kind, count, why)
