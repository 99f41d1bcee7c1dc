"""A verifier of code letters that answers as a test says."""

from joserfc.jwk import ECKey

from fleet.messages.link import (
    EnvelopeAsk,
    ReleaseAsk,
)
from fleet.server.verifier.model import EnvelopeFacts, EnvelopeVerdict, ResetResult, VerifierAwayError

KEY = ECKey.generate_key("P-256")


class ScriptedVerifier:
    """Keeps what it was asked and says what the test wants."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, EnvelopeAsk | ReleaseAsk, EnvelopeFacts | None]] = []
        self.says: EnvelopeVerdict | None = EnvelopeVerdict(1, "match")
        self.reset: list[tuple[str, EnvelopeFacts, tuple[str, str]]] = []
        self.resets: ResetResult | None = "reset"

    async def ask(self, station: str, ask: EnvelopeAsk | ReleaseAsk, envelope: EnvelopeFacts | None) -> EnvelopeVerdict:
        self.asked.append((station, ask, envelope))
        if self.says is None:
            raise VerifierAwayError("it has died")
        return self.says

    async def reset_tries(self, order: str, envelope: EnvelopeFacts, persons: tuple[str, str]) -> ResetResult:
        self.reset.append((order, envelope, persons))
        if self.resets is None:
            raise VerifierAwayError("it has died")
        return self.resets
