"""Server keys that a station trusts: those pinned at enrolment, and what key rotation made of them since.

Rules: statements are verified from the pinned key on, each time the station starts too, so that a row of its file that somebody
wrote is nothing; what was taken is never taken back; a key that was rotated away is good until its time is over, by the later of
the station's clock and the newest statement's own time.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from joserfc.jwk import ECKey, GuestProtocol

from fleet.messages.key_rotation import Handover, follow_chain


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ServerKeys:
    """Of one station. One object for all that verify, so that a rotation counts everywhere at once."""

    def __init__(
        self, signing_key: Mapping[str, str], verifier_key: bytes, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        """The keys as they were pinned. `clock` gives aware times; whoever has a better one sets it."""
        self._pinned = ECKey.import_key(dict(signing_key))
        self._pinned_verifier = verifier_key
        self.taken: list[Handover] = []
        """The statements that count, oldest first."""
        self._keys = {self._pinned.thumbprint(): self._pinned}
        self.clock = clock

    @property
    def sequence(self) -> int:
        """Of the newest statement that was taken; 0 before the first."""
        return self.taken[-1].sequence if self.taken else 0

    @property
    def verifier_key(self) -> bytes:
        """The envelope verifier's newest raw X25519 public key."""
        return self.taken[-1].verifier_key if self.taken else self._pinned_verifier

    @property
    def authorities(self) -> tuple[str, ...]:
        """Certificates in PEM of the fleet's authorities, beside the pinned one; empty before a rotation."""
        return self.taken[-1].authorities if self.taken else ()

    @property
    def newest(self) -> ECKey:
        """The server's newest signing key."""
        return self.taken[-1].signing_key if self.taken else self._pinned

    def find(self, signed: GuestProtocol) -> ECKey:
        """The key of that JWS, by its `kid`: without one the newest. Raises ValueError where it is none that counts now."""
        kid = signed.headers().get("kid")
        if kid is None:
            return self.newest
        key = self._keys.get(str(kid))
        if key is None or not self._counts(str(kid)):
            raise ValueError("signed by a key that is not the server's, or not any more")
        return key

    def take(self, chain: Sequence[str]) -> list[Handover]:
        """Take what follows from the newest key, and give it. Raises RotationError: then nothing of it is taken."""
        fresh = follow_chain(self.newest, chain, after=self.sequence)
        self.taken += fresh
        self._keys |= {handover.signing_key.thumbprint(): handover.signing_key for handover in fresh}
        return fresh

    def _counts(self, kid: str) -> bool:
        """Return whether the key is the newest, or was rotated away and its time is not over."""
        if kid == self.newest.thumbprint():
            return True
        before = self._pinned.thumbprint()
        now = max(self.clock(), self.taken[-1].made)
        until: datetime | None = None
        for handover in self.taken:
            if before == kid and handover.signing_key.thumbprint() != kid:
                until = handover.old_until
            before = handover.signing_key.thumbprint()
        return until is not None and now < until
