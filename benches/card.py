"""One card: identify, verify, change and unblock, through PC/SC and the virtual reader driver, on the virtual card.

Three measures of the same work: OpenSC's tools with their file cache off, a process for each; our reader, in the
process that a station is; and the floor, the very bytes that our reader exchanged, sent again without any meaning.
What passes is counted at the card, so that all are counted alike.
"""

import asyncio
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from benches.figures import CannotMeasureError, Figure, compared_with, median_ms
from drivers.reader.card_reader import CardReader, visiting
from drivers.reader.outcomes import Accepted, CodeOutcome, Role
from drivers.reader.port import Presence, Visit
from drivers.reader.secret import Secret
from drivers.reader.transport.pcsc import PcscBackend
from sim.reader import card_memory as state
from sim.reader.cards import VirtualCard
from sim.reader.pcscd import NoServiceError, running_service
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.vpcd import FIRST_PORT, plug

PERSONA = person(1).new
PIN, PUK, NEW = PERSONA.pin, PERSONA.puk, "975310"
SEEN_S = 20.0
QUICK = 25
"""Times that what takes milliseconds is repeated."""
Act = Callable[[Visit], Awaitable[CodeOutcome]]


class CountedCard:
    """A card as a file describes it, and what has passed since the last `begin`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.card = VirtualCard(state.read(path))
        self.atr: bytes = self.card.atr
        self.protocol: Literal["T=0", "T=1"] = self.card.protocol
        self.passed: list[tuple[bytes, bytes]] = []

    def begin(self) -> None:
        """The card with its codes as they were, and nothing counted."""
        self.card = VirtualCard(state.read(self._path))
        self.card.power_on()
        self.passed = []

    def power_on(self) -> bytes:
        return self.card.power_on()

    def power_off(self) -> None:
        self.card.power_off()

    def reset(self) -> bytes:
        return self.card.reset()

    def transmit(self, apdu: bytes) -> bytes:
        """As the card, and counted."""
        answer = self.card.transmit(apdu)
        self.passed.append((apdu, answer))
        return answer

    @property
    def size(self) -> int:
        """Bytes that have passed, both ways."""
        return sum(len(sent) + len(received) for sent, received in self.passed)

    @property
    def note(self) -> str:
        """Exchanges and bytes that have passed, in words."""
        return f"{len(self.passed)} exchanges, {self.size:,} bytes"


def measure(folder: Path) -> list[Figure]:
    """All figures. Raises CannotMeasureError without a PC/SC service or OpenSC."""
    if shutil.which("pkcs15-tool") is None:
        raise CannotMeasureError("OpenSC is not installed (Debian package opensc)")
    now = datetime.now(UTC)
    VirtualCard.create(PERSONA, TestAuthority.create(now), now, path=folder / "card.json")
    card = CountedCard(folder / "card.json")
    try:
        with running_service() as readers, plug(card, port=FIRST_PORT):
            reader = readers[FIRST_PORT]
            wait_until_seen(reader, present=True)
            return [*_programs(reader, card, folder), *_errands(reader, card, OpenSc(folder))]
    except NoServiceError as reason:
        raise CannotMeasureError(str(reason)) from None


class OpenSc:
    """OpenSC's tools with the cache off: a station meets a card for the first time."""

    def __init__(self, folder: Path) -> None:
        path = folder / "opensc.conf"
        path.write_text("app default { framework pkcs15 { use_file_caching = no; } }\n", "utf-8")
        self.environment = {**os.environ, "OPENSC_CONF": str(path), "LC_ALL": "C"}

    def __call__(self, *words: str) -> None:
        """Run `pkcs15-tool`; the codes among the words are a made-up card's."""
        run(["pkcs15-tool", *words], self.environment)


def run(words: Sequence[str], environment: dict[str, str]) -> None:
    """Run a program to its end. Raises CannotMeasureError where it fails."""
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise CannotMeasureError(f"{words[0]} failed: {done.stderr.strip()[-200:]}")


def _programs(reader: str, card: CountedCard, folder: Path) -> list[Figure]:
    """A program that reads the card once, its own start included."""
    environment = {**os.environ, "XDG_STATE_HOME": str(folder)}
    theirs = OpenSc(folder)
    words = [sys.executable, "-m", "kiosk.cli", "card"]
    value = median_ms(lambda: theirs("--dump"), before=card.begin)
    dump = Figure("pkcs15-tool --dump (process)", value, "ms", card.note)
    value = median_ms(lambda: run([*words, "show", "--json", "--reader", reader], environment), before=card.begin)
    shown = compared_with(dump, "kortkiosk card show (process)", value, card.note)
    value = median_ms(lambda: run([*words, "list"], environment))
    return [
        dump,
        shown,
        compared_with(dump, "kortkiosk card list (process)", value, "reads no card: what starting costs"),
    ]


def _errands(reader: str, card: CountedCard, theirs: OpenSc) -> Iterator[Figure]:
    """Each piece of work, identification included: the floor of ours, ours, theirs."""
    pin, puk, new = Secret(PIN), Secret(PUK), Secret(NEW)
    role = Role.IDENTIFICATION
    pieces: list[tuple[str, Act, tuple[str, ...]]] = [
        ("identify", nothing, ("--dump",)),
        ("verify", lambda visit: visit.verify(role, pin), ("--verify-pin", "--pin", PIN)),
        ("change", lambda visit: visit.change(role, pin, new), ("--change-pin", "--pin", PIN, "--new-pin", NEW)),
        ("unblock", lambda visit: visit.unblock(role, puk, new), ("--unblock-pin", "--puk", PUK, "--new-pin", NEW)),
    ]
    for label, act, words in pieces:
        yield from _three(label, reader, card, act, functools.partial(theirs, *words))


async def nothing(visit: Visit) -> CodeOutcome:
    """To be visited is to be identified."""
    del visit
    return Accepted()


def _three(label: str, reader: str, card: CountedCard, act: Act, opensc: Callable[[], None]) -> Iterator[Figure]:
    ours = median_ms(lambda: asyncio.run(visit_once(reader, act)), QUICK, card.begin)
    passed, note = tuple(card.passed), card.note
    commands = [sent for sent, _ in passed]
    floor = Figure(
        f"{label}: bare exchange", median_ms(lambda: _replay(reader, commands), QUICK, card.begin), "ms", note
    )
    inside = median_ms(lambda: _replay_inside(card, commands), before=card.begin)
    yield floor
    yield compared_with(floor, f"{label}: our reader", ours, f"{inside:.1f} ms of it in the card")
    theirs = median_ms(opensc, before=card.begin)
    yield compared_with(floor, f"{label}: pkcs15-tool", theirs, f"{card.note}; a process")
    count = Figure(f"{label}: exchanges of pkcs15-tool", len(card.passed), "")
    yield count
    yield compared_with(count, f"{label}: exchanges of our reader", len(passed))


async def visit_once(reader: str, act: Act) -> int:
    """Connect, identify, act, reset; gives the exchanges of identification.

    Raises CannotMeasureError where the card does not take it.
    """
    station = CardReader(PcscBackend(), reader)
    try:
        async with visiting(station) as visit:
            identified = visit.exchange.apdus
            outcome = await act(visit)
        if not isinstance(outcome, Accepted):
            raise CannotMeasureError(f"the card answered {type(outcome).__name__}")
        return identified
    finally:
        await station.close()


def _replay(reader: str, commands: Sequence[bytes]) -> None:
    """The same commands over the same reader; nothing is understood."""
    connection = PcscBackend().connect(reader)
    try:
        for command in commands:
            connection.transmit(command)
    finally:
        connection.close()


def _replay_inside(card: CountedCard, commands: Sequence[bytes]) -> None:
    """The same commands to the card without a reader."""
    card.power_on()
    for command in commands:
        card.card.transmit(command)


def wait_until_seen(reader: str, *, present: bool) -> None:
    """The service looks at its readers now and then."""
    expected = Presence.PRESENT if present else Presence.EMPTY
    backend = PcscBackend()
    seen = backend.look(reader)
    while seen.presence is not expected:
        now = backend.wait_for_change(reader, seen, SEEN_S)
        if now == seen:
            raise CannotMeasureError("the PC/SC service does not see the virtual card come or go")
        seen = now
