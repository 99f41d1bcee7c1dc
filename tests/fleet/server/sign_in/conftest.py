"""The doors over a store of their own, with a clock that a test turns."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.service import Access, Chosen, SignedIn
from tests.fakes.server.databases import new_store
from tests.fakes.server.visitors import SEALER

PASSWORD = "made-up-password"


@dataclass
class Turned:
    """A clock."""

    now: datetime = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def on(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Admin:
    """The first administrator, set up."""

    access: Access
    clock: Turned
    secret: str
    first: SignedIn

    def code(self) -> str:
        """Of this moment; a code works once, so turn the clock between two."""
        return codes.code_at(self.secret, self.clock().timestamp())

    def sign_in(
        self, password: str = PASSWORD, code: str | None = None, name: str = "tove", address: str = "192.0.2.7"
    ) -> object:
        self.clock.on(seconds=codes.STEP_S)
        return self.access.sign_in(name, password, self.code() if code is None else code, address)


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def access(tmp_path: Path, clock: Turned) -> Iterator[Access]:
    database = new_store(tmp_path / "fleet.sqlite")
    yield Access(database, clock, SEALER)
    database.close()


@pytest.fixture
def admin(access: Access, clock: Turned) -> Admin:
    link = access.first_link()
    assert link is not None
    offer = access.offered(link)
    assert offer is not None
    chosen = Chosen("tove", PASSWORD, codes.code_at(offer.secret, clock().timestamp()))
    came = access.set_up(link, chosen, "192.0.2.7")
    assert isinstance(came, SignedIn)
    return Admin(access, clock, offer.secret, came)
