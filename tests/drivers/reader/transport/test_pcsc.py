"""The same card behind a real PC/SC service and the virtual PC/SC driver (virtual reader, real pcscd and pyscard)."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import pytest

from drivers.reader.card_reader import CardReader, try_card, visiting
from drivers.reader.errors import CardBusyError, CardGoneError, NoCardError, NoReaderError
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role, Unknown, WrongCode
from drivers.reader.port import Presence
from drivers.reader.secret import Secret
from drivers.reader.transport.pcsc import PcscBackend
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.products import product_card
from sim.stories.patience import LIMIT_S
from tests.drivers.reader.conftest import EC_PERSON, NOW
from tests.fakes.cards.pcsc import WAIT_S, inserted, until

pytestmark = pytest.mark.pcsc
PIN = Role.IDENTIFICATION
NEW = Secret("975318")


@pytest.fixture
def port(pcscd: dict[int, str]) -> int:
    return max(pcscd)


@pytest.fixture
async def reader(pcscd: dict[int, str], port: int) -> AsyncIterator[CardReader]:
    reader = CardReader(PcscBackend(), pcscd[port])
    await until(reader, Presence.EMPTY)
    yield reader
    await reader.close()


async def test_a_pickup_through_pcsc(reader: CardReader, port: int, make_card: Callable[..., VirtualCard]) -> None:
    card = make_card(1)
    async with inserted(card, reader, port):
        async with visiting(reader) as visit:
            assert visit.facts.card_number == card.persona.card_number
            assert await visit.unblock(PIN, Secret("99999999"), NEW) == WrongCode(9)
            assert await visit.unblock(PIN, Secret(card.persona.puk), NEW) == Accepted()
            assert await visit.verify(PIN, NEW) == Accepted()
            assert (await try_card(visit, "signature")).passed
            with pytest.raises(CardBusyError):
                await CardReader(PcscBackend(), reader.name).visit()
            with pytest.raises(CardBusyError):
                PcscBackend().usb_address(reader.name)
        assert PcscBackend().usb_address(reader.name) is None, "the virtual driver is on no USB"
        async with visiting(reader) as visit:  # the reset at the end of the visit dropped the verified code
            assert await visit.sign("signature", b"x") == Refused(RefusalReason.CARD, 0x6982)
    await until(reader, Presence.EMPTY)
    with pytest.raises(NoCardError):
        await reader.visit()


@pytest.mark.parametrize(
    ("instruction", "when", "expected"),
    [(0xB0, "before", None), (0x2C, "before", Unknown()), (0x2C, "during", Unknown()), (0x2C, "after", Unknown())],
)
async def test_a_card_torn_in_the_middle_of_an_unblock(
    reader: CardReader,
    port: int,
    make_card: Callable[..., VirtualCard],
    instruction: int,
    when: Literal["before", "during", "after"],
    expected: Unknown | None,
) -> None:
    card = make_card()
    async with inserted(card, reader, port):
        visit = await reader.visit()
        real = card.transmit

        def torn(apdu: bytes) -> bytes:
            if apdu[1] == instruction:
                card.tear(0, when)
            return real(apdu)

        card.transmit = torn  # type: ignore[method-assign]
        try:
            outcome: object = await visit.unblock(PIN, Secret(card.persona.puk), NEW)
        except CardGoneError:
            outcome = None
        assert outcome == expected
        with pytest.raises(CardGoneError):
            await visit.refresh()
        await visit.close()
    assert len([entry for entry in card.log if entry.ins == "RESET RETRY COUNTER"]) == (expected is not None)


async def test_a_swapped_card_gets_nothing(
    reader: CardReader, port: int, make_card: Callable[..., VirtualCard]
) -> None:
    first, second = make_card(), make_card(8)
    async with inserted(first, reader, port):
        visit = await reader.visit()
    await until(reader, Presence.EMPTY)
    async with inserted(second, reader, port):
        with pytest.raises(CardGoneError):
            await visit.unblock(PIN, Secret(first.persona.puk), NEW)
        await visit.close()
    assert not [entry for entry in second.log if entry.ins in ("RESET RETRY COUNTER", "VERIFY")]


async def test_a_reader_that_is_not_there(pcscd: dict[int, str]) -> None:
    reader = CardReader(PcscBackend(), "No Such Reader 00 00")
    assert await reader.presence() is Presence.NO_READER
    with pytest.raises(NoReaderError):
        await reader.visit()
    changes = reader.changes()
    assert await anext(changes) is Presence.NO_READER
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    async with asyncio.timeout(WAIT_S):
        await reader.close()
        with pytest.raises(StopAsyncIteration):
            await waiting


async def test_the_program_shows_a_card(
    reader: CardReader, port: int, make_card: Callable[..., VirtualCard], tmp_path: Path
) -> None:
    card = make_card()
    program = [sys.executable, "-c", "import sys; from kiosk.cli import main; sys.exit(main())", "card"]
    async with inserted(card, reader, port):
        shown = await asyncio.to_thread(
            subprocess.run, [*program, "show", "--reader", reader.name, "--json"], capture_output=True, timeout=LIMIT_S
        )
    assert shown.returncode == 0, shown.stderr
    document = json.loads(shown.stdout)
    assert document["holder"]["hsa_id"] == card.persona.hsa_id
    assert document["exchange"]["apdus"] < 60


async def test_a_card_with_another_atr_after_a_warm_reset_stays_the_product_that_it_is(
    reader: CardReader, port: int, authority: TestAuthority
) -> None:
    card = product_card("telia", person(EC_PERSON).new, authority, NOW, ("warm-atr",))
    cold = card.atr
    async with inserted(card, reader, port):
        for _ in range(2):
            async with visiting(reader) as visit:
                assert (visit.facts.atr, visit.facts.rules.read_only) == (cold, True)
