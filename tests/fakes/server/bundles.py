"""One made-up bundle at the server."""

from fleet.messages.commands import UpdateOrder
from fleet.server.updates.model import StoredBundle
from tests.fakes.server.readings import NOW

DIGEST = "5e" * 32


class FakeBundles:
    def all(self) -> list[StoredBundle]:
        return [StoredBundle("kortkiosk-arm64", "2026.48.1", DIGEST, 310_000_000, NOW)]

    def order(self, sha256: str, *, older: bool = False, now: bool = False) -> UpdateOrder | None:
        return UpdateOrder("2026.48.1", 310_000_000, DIGEST, 8444, older, now) if sha256 == DIGEST else None
