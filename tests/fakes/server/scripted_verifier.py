"""A verifier of code letters that answers as a test says."""

from joserfc.jwk import ECKey

from fleet.messages.link import (
    EnvelopeAsk,
    ReleaseAsk,
)
from fleet.server.verifier.model import EnvelopeFacts, Verdict, VerifierAwayError

KEY = ECKey.generate_key("P-256")


class ScriptedVerifier:
    """Keeps what it was asked and says what the test wants."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, EnvelopeAsk | ReleaseAsk, EnvelopeFacts | None]] = []
        self.says: Verdict | None = Verdict(1, "match")

    async def ask(self, station: str, ask: EnvelopeAsk | ReleaseAsk, envelope: EnvelopeFacts | None) -> Verdict:
        self.asked.append((station, ask, envelope))
        if self.says is None:
            raise VerifierAwayError("it has died")
        return self.says
