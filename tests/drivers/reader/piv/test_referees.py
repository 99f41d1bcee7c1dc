"""What we read of a PIV card is what the tools that others rely on read (virtual reader, real pcscd and programs)."""

import asyncio
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from drivers.reader.card_reader import CardReader, try_card, visiting
from drivers.reader.keys import Generated
from drivers.reader.outcomes import Accepted, Role, WrongCode
from drivers.reader.port import Presence
from drivers.reader.secret import Secret
from drivers.reader.transport.pcsc import PcscBackend
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.stories.patience import LIMIT_S
from tests.fakes.cards.management_keys import FactoryKey, certificate_for
from tests.fakes.cards.pcsc import inserted, until

pytestmark = pytest.mark.pcsc
PIN = Role.IDENTIFICATION


@pytest.fixture
def port(pcscd: dict[int, str]) -> int:
    return max(pcscd)


@pytest.fixture
async def reader(pcscd: dict[int, str], port: int) -> AsyncIterator[CardReader]:
    reader = CardReader(PcscBackend(), pcscd[port])
    await until(reader, Presence.EMPTY)
    yield reader
    await reader.close()


@pytest.fixture(scope="module")
def issuer() -> TestAuthority:
    return TestAuthority.create(datetime.now(UTC))


def made(issuer: TestAuthority, kind: str) -> VirtualCard:
    return VirtualCard.create(person(6).new, issuer, datetime.now(UTC), kind=kind)


async def said_by(program: str, *arguments: str) -> str:
    """What a referee says. Skips where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(path, *arguments, stdout=pipe, stderr=pipe)
    out, faults = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode == 0, faults.decode()
    return out.decode()


def slots_of(text: str, head: str, fingerprint: str) -> dict[str, str]:
    """SHA-256 of each certificate by slot, in a referee's report."""
    parts = re.split(head, text, flags=re.IGNORECASE)[1:]
    found = zip(parts[::2], parts[1::2], strict=True)
    prints = {slot.lower(): re.search(fingerprint + r"\s*([0-9a-f]{64})", body) for slot, body in found}
    return {slot: match.group(1) for slot, match in prints.items() if match}


async def ours(reader: CardReader) -> tuple[dict[str, str], int | None, str]:
    """The same of our own reading, and the tries of the PIN, and the serial."""
    async with visiting(reader) as visit:
        facts = await visit.complete()
        return (
            {c.id: hashlib.sha256(c.der).hexdigest() for c in facts.certificates},
            facts.pins[0].tries_left,
            facts.serial,
        )


@pytest.mark.parametrize("kind", ["C", "D"])
async def test_yubico_piv_tool_reads_the_same(reader: CardReader, port: int, issuer: TestAuthority, kind: str) -> None:
    async with inserted(made(issuer, kind), reader, port):
        certificates, tries, serial = await ours(reader)
        async with visiting(reader) as visit:
            assert await visit.verify(PIN, Secret("999998")) == WrongCode((tries or 0) - 1)
        told = await said_by("yubico-piv-tool", "-r", reader.name, "-a", "status")
        assert slots_of(told, r"(?m)^Slot (\w\w):", "Fingerprint:") == certificates
        left = re.search(r"PIN tries left:\s*(\d+)", told)
        assert left is not None
        assert int(left.group(1)) == (tries or 0) - 1
        assert kind == "D" or serial.lower() in told


async def test_ykman_reads_the_same(reader: CardReader, port: int, issuer: TestAuthority) -> None:
    async with inserted(made(issuer, "D"), reader, port):
        certificates, tries, _ = await ours(reader)
        told = await said_by("ykman", "--reader", reader.name, "piv", "info")
        found = slots_of(told, r"(?m)^Slot (\w\w)\b", "Fingerprint:")
        assert {slot: found.get(slot) for slot in certificates} == certificates
        left = re.search(r"PIN tries remaining:\s*(\d+)/(\d+)", told)
        assert left is not None
        assert (int(left.group(1)), int(left.group(2))) == (tries, 3)


@pytest.mark.parametrize("kind", ["C", "D"])
async def test_a_pin_that_was_set_here_is_the_pin_there_and_the_other_way_round(
    reader: CardReader, port: int, issuer: TestAuthority, kind: str
) -> None:
    card = made(issuer, kind)
    puk = Secret(card.persona.puk)
    async with inserted(card, reader, port):
        async with visiting(reader) as visit:
            assert await visit.unblock(PIN, puk, Secret("975318")) == Accepted()
        name = ("-r", reader.name)
        await said_by("yubico-piv-tool", *name, "-a", "verify-pin", "-P", "975318")
        await said_by("yubico-piv-tool", *name, "-a", "change-pin", "-P", "975318", "-N", "864209")
        async with visiting(reader) as visit:
            assert await visit.verify(PIN, Secret("864209")) == Accepted()
            assert (await try_card(visit, "signature")).passed


@pytest.mark.parametrize("kind", ["C", "D"])
async def test_what_was_written_and_deleted_here_is_so_there(
    reader: CardReader, port: int, issuer: TestAuthority, kind: str
) -> None:
    """A key and its certificate made anew in 9D, the certificate of 9E taken off; on the token its key too."""
    key = FactoryKey(kind)
    async with inserted(made(issuer, kind), reader, port):
        async with visiting(reader) as visit:
            fresh = await visit.generate_key("9d", "EC-P384", key)
            assert isinstance(fresh, Generated)
            der = certificate_for(fresh.public_key)
            assert await visit.write_certificate("9d", der, key) == Accepted()
            assert await visit.delete_certificate("9e", key) == Accepted()
            if kind == "D":
                assert await visit.delete_key("9e", key) == Accepted()
        told = slots_of(
            await said_by("yubico-piv-tool", "-r", reader.name, "-a", "status"), r"(?m)^Slot (\w\w):", "Fingerprint:"
        )
        assert told["9d"] == hashlib.sha256(der).hexdigest()
        assert {"9a", "9c"} <= set(told)
        assert "9e" not in told
        if kind == "D":
            report = await said_by("ykman", "--reader", reader.name, "piv", "info")
            assert re.search("(?i)slot 9c", report)
            assert not re.search("(?i)slot 9e", report), "no key and no certificate"
