"""Protocol of the verifier: one JSON object a line, over a Unix socket, or the pipes of a child process.

Rules: the server passes on what it holds of the order and the code as the station sealed it, which only the verifier
can open. A check of an order that is not known carries no `envelope` and gets the same work and the same answer as a
wrong code. Where the issuer's key is missing no code can be right: that is said, and is nobody's guess.

>>> msgspec.json.decode(msgspec.json.encode(EnvelopeVerdict(id=1, verdict="no_match")), type=EnvelopeVerdict).verdict
'no_match'
"""

from typing import Annotated, Literal, Protocol, TypeVar

import msgspec

from fleet.messages.link import EnvelopeAsk, ReleaseAsk


class EnvelopeFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the order: card number, the id of the issuer's key, and the issuer's HMAC as hex."""

    card_number: str
    key: str
    mac: str


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question. `sealed` is base64."""

    id: int
    station: str
    order: str
    nonce: str
    sealed: str
    envelope: EnvelopeFacts | None
    what: Literal["puk", "release"] = "puk"
    """Which of the letter's two codes was typed."""


class EnvelopeVerdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer. `no_key`: the verifier does not have the issuer's key of that letter. `alarm`: somebody has begun to guess,
    said once for each envelope and each station and hour."""

    id: int
    verdict: Literal["match", "no_match", "too_many", "nonce_used", "no_key"]
    alarm: bool = False


class TryReset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Give the codes of one letter their tries again, because two persons say so. `persons`: their HSA-ids, for the log."""

    id: int
    order: str
    envelope: EnvelopeFacts
    persons: tuple[str, str]


ResetResult = Literal["reset", "reset_before", "not_used_up"]
"""`reset_before`: a letter gets new tries once, whoever asks: so many guesses and no more are ever judged."""


class TryResetVerdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Result of a reset of tries."""

    id: int
    result: ResetResult


Order = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
MAX_SEALED_CHARACTERS = 512
SHARED = "KORTKIOSK_VERIFIER_DATABASE"
"""The variable of the environment that says where tries are counted in common."""
MAX_LINE_BYTES = 8 * 1024
TRIES_DAMAGED = 3
"""Exit code of a verifier whose file of tries cannot be trusted."""
READY = b"ready\n"
"""The verifier's first line: it can answer, and answers whoever reads this."""


class VerifierAwayError(Exception):
    """No answer: the verifier has died, cannot start, or does not answer. The text is what it said last."""


Answer = TypeVar("Answer", EnvelopeVerdict, TryResetVerdict)


class Verifier(Protocol):
    """Verifier that can say whether a sealed code is an envelope's."""

    async def ask(self, station: str, ask: EnvelopeAsk | ReleaseAsk, envelope: EnvelopeFacts | None) -> EnvelopeVerdict:
        """Raises VerifierAwayError."""

    async def reset_tries(self, order: str, envelope: EnvelopeFacts, persons: tuple[str, str]) -> ResetResult:
        """Give that letter its tries again, once. Raises VerifierAwayError."""
