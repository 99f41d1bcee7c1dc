"""Attacks on the link between station and server: a lying broker, a rogue station, a flood."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import ECKey

from fleet.messages.asking import HoldAsk
from fleet.messages.link import Answer
from fleet.server.issuers.answers import IssuerAnswers
from fleet.server.issuers.wishes import MOST_AN_HOUR, Wishes
from fleet.server.signing import Signer
from fleet.server.store.database import Database
from fleet.server.store.writing import Writer
from tests.fakes.databases import either, on_postgres

__all__ = ["either", "on_postgres"]

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(ECKey.generate_key("P-256"))


class SlowDirectory:
    """A register that answers once all questions are there: whoever counts before it and writes after it counts wrong."""

    def __init__(self, callers: int) -> None:
        self.asked = 0
        self._callers = callers
        self._all_here = asyncio.Event()

    async def find(self, hsa_id: str, card_number: str) -> None:
        self.asked += 1
        if self.asked >= self._callers:
            self._all_here.set()
        await self._all_here.wait()


async def test_parallel_asks_do_not_get_past_an_hourly_limit(either: Database, signer: Signer) -> None:
    """200 asks at once go past a limit of 60 an hour, because each is counted before any is written."""
    most = MOST_AN_HOUR["card.hold"]
    directory = SlowDirectory(most)
    side: Any = type("Side", (), {"directory": directory})()
    logins: Any = None
    answers = IssuerAnswers(side, Wishes(either), logins, signer, Writer(either), lambda: NOW)

    async def hold(number: int) -> Answer:
        wanted = "2026-03-02T12:00:00Z"
        return await answers.answer(
            "entre-a",
            HoldAsk(id=f"{number:032x}", card_number=f"{number:04}", reason="forgotten", by="", wanted=wanted),
        )

    async with asyncio.timeout(60):
        said = await asyncio.gather(*map(hold, range(200)))
    assert directory.asked == most
    assert [one.error for one in said].count("too_many") == 200 - most
