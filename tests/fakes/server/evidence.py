"""Evidence files for tests of the web: made-up bytes, or whatever a test wants to go wrong."""

from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from fleet.server.evidence.model import EvidenceRequest


@dataclass
class FakeEvidence:
    """Implements `fleet.server.evidence.service.Evidence`."""

    asked: list[EvidenceRequest] = field(default_factory=list)
    failing: Exception | None = None
    content: bytes = b"made up " * 20_000
    files: list[BytesIO] = field(default_factory=list)

    def written(self, asked: EvidenceRequest) -> BinaryIO:
        self.asked.append(asked)
        if self.failing is not None:
            raise self.failing
        self.files.append(BytesIO(self.content))
        return self.files[-1]
