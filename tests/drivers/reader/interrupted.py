"""Every operation, interrupted at every exchange in every way: a table, printed by `make interruptions`.

A row is an exchange, a column a fault: the contact torn before, during or after the command, the card pulled or another
one put in its place. A cell says how it ended for the person: `gone` (nothing was done, and no code went out),
`unknown` (nobody can know, so nothing is repeated), or that it was done after all.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings
from drivers.reader.errors import CardGoneError, ReaderError
from drivers.reader.keys import Generated
from drivers.reader.outcomes import Accepted, Role, Signed
from drivers.reader.secret import Secret
from sim.reader.administrative_key import answer_to, key_of
from sim.reader.card_factory import make_memory
from sim.reader.card_memory import CardMemory
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import NOW
from tests.fakes.cards.judge import Bench, Court, Fault, JudgedCard, Step, fresh
from tests.fakes.cards.management_keys import FactoryKey, certificate_for

PIN = Role.IDENTIFICATION
NEW = "975318"
FAULTS = (
    Fault("tear", 0, "before"), Fault("tear", 0, "during"), Fault("tear", 0, "after"), Fault("pull", 0, "before"),
    Fault("pull", 0, "after"), Fault("swap", 0, "before"), Fault("swap", 0, "after"),
)  # fmt: skip
MOST_EXCHANGES = 200
WRITING = {"CREATE FILE", "DELETE FILE", "UPDATE BINARY", "GENERATE KEY PAIR", "PUT DATA", "INS F6"}
CHANGING = (
    WRITING
    | {"VERIFY", "CHANGE REFERENCE DATA", "RESET RETRY COUNTER", "PERFORM SECURITY OPERATION"}
    | {"EXTERNAL AUTHENTICATE"}
)
Act = Callable[[CardVisit, VirtualCard], Awaitable[object]]
Prepare = Callable[[CardVisit, VirtualCard], Awaitable[None]]
PLACES, PLACES_OF_NEW = {"B": "41", "C": "9d", "D": "9d"}, {"B": "43", "C": "9d", "D": "9d"}
"""The certificate and the key that are worked with, by kind."""


@dataclass(frozen=True)
class Operation:
    """What is done, after what nobody interrupts, on cards of which kinds. None is the reading of the card itself."""

    act: Act | None
    prepare: Prepare | None = None
    kinds: str = "ABCD"


async def _verified(visit: CardVisit, card: VirtualCard) -> None:
    assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()


async def _with_a_new_key(visit: CardVisit, card: VirtualCard) -> None:
    await _verified(visit, card)
    assert isinstance(await _generate(visit, card), Generated)


async def _with_a_bare_key(visit: CardVisit, card: VirtualCard) -> None:
    """One without a certificate."""
    if card.kind == "B":
        await _with_a_new_key(visit, card)
    else:
        assert await _delete(visit, card) == Accepted()


def _generate(visit: CardVisit, card: VirtualCard) -> Awaitable[object]:
    return visit.generate_key(PLACES_OF_NEW[card.kind], "EC-P256", FactoryKey(card.kind))


def _administered(visit: CardVisit, card: VirtualCard) -> Awaitable[object]:
    async def answer(challenge: bytes) -> bytes:
        return answer_to(challenge, key_of(card.persona.serial))

    return visit.unblock_by_administrator(PIN, Secret(NEW), answer)


async def _write(visit: CardVisit, card: VirtualCard) -> object:
    """The certificate that was made for the key that is there."""
    made = next(iter(visit.session.generated.values()))  # type: ignore[attr-defined]
    return await visit.write_certificate(PLACES_OF_NEW[card.kind], certificate_for(made), FactoryKey(card.kind))


def _delete(visit: CardVisit, card: VirtualCard) -> Awaitable[object]:
    return visit.delete_certificate(PLACES[card.kind], FactoryKey(card.kind))


def _delete_key(visit: CardVisit, card: VirtualCard) -> Awaitable[object]:
    return visit.delete_key(PLACES_OF_NEW[card.kind], FactoryKey(card.kind))


OPERATIONS: dict[str, Operation] = {
    "identify": Operation(None),
    "verify": Operation(lambda visit, own: visit.verify(PIN, Secret(own.persona.pin))),
    "change": Operation(lambda visit, own: visit.change(PIN, Secret(own.persona.pin), Secret(NEW))),
    "unblock": Operation(lambda visit, own: visit.unblock(PIN, Secret(own.persona.puk), Secret(NEW))),
    "sign": Operation(lambda visit, _own: visit.sign("signature", b"challenge"), _verified),
    "unblock by administrator": Operation(_administered, None, "B"),
    "generate key": Operation(_generate, _verified, "BCD"),
    "write certificate": Operation(_write, _with_a_new_key, "BCD"),
    "delete certificate": Operation(_delete, _verified, "BCD"),
    "delete key": Operation(_delete_key, _with_a_bare_key, "BD"),
}


@dataclass(frozen=True)
class Row:
    """One exchange: the command that the card would have seen, and how each fault at it ended."""

    command: str
    cells: tuple[str, ...]


@cache
def memories(kind: str) -> tuple[CardMemory, CardMemory]:
    """Two cards of a kind, of two people."""
    authority = TestAuthority.create(NOW)
    first, second = (replace(person(order).new, key_algorithm="EC-P256") for order in (6, 7))
    return make_memory(kind, first, authority, NOW), make_memory(kind, second, authority, NOW)


class Scene:
    """Two people's cards, the first in the reader, and the judge."""

    def __init__(self, kind: str) -> None:
        self.court, self.slot = Court(), VirtualSlot("Bench 0")
        self.first, self.second = (JudgedCard(fresh(memory), self.court) for memory in memories(kind))
        self.first.leaves = self._leaves
        self.slot.insert(self.first)
        self.tries = self.first.card.tries_left
        self.before: object = None
        """What the card held when the operation began."""
        self.reader = CardReader(Bench(self.slot, self.court), "Bench 0", ReaderSettings(now=lambda: NOW))

    def _leaves(self, fault: Fault) -> None:
        self.slot.remove()
        if fault.what == "swap":
            self.slot.insert(self.second)

    async def ends(self, operation: str, fault: Fault | None) -> str:
        """How the operation ends for the person, in a word. Raises whatever is no fault of a reader."""
        how, card = OPERATIONS[operation], self.first.card
        if how.act is None:
            return await self._identified(fault)
        visit = await self.reader.visit()
        step = Step(card, (card.persona.pin, card.persona.puk, NEW))
        self.court.begin(step)
        if how.prepare is not None:
            await how.prepare(visit, card)
        self.court.begin(step)
        card.log.clear()
        self.before = held_by(card)
        self.first.fault = fault
        try:
            outcome = await how.act(visit, card)
        except CardGoneError:
            return "gone"
        finally:
            self.court.end()
            await visit.close()
        return "done" if isinstance(outcome, Accepted | Signed | Generated) else type(outcome).__name__.lower()

    async def _identified(self, fault: Fault | None) -> str:
        self.court.begin(Step())
        self.first.fault = fault
        try:
            visit = await self.reader.visit()
        except CardGoneError:
            return "gone"
        except ReaderError as reason:
            return type(reason).__name__
        await visit.close()
        return "done"

    async def is_sound(self, state: str) -> None:
        """What holds after any of it. Raises AssertionError."""
        card, seen = self.first.card, {entry.ins for entry in self.second.card.log}
        assert self.court.broken == []
        assert not seen & CHANGING, "the second card got what was meant for the first"
        assert state in ("gone", "unknown", "done")
        assert all(now >= before - 1 for now, before in zip(card.tries_left, self.tries, strict=True))
        if state == "gone":
            assert card.tries_left == self.tries
            assert self.before in (held_by(card), None), "gone, and the card was changed"
        await self._mends()

    async def _mends(self) -> None:
        """The card is put in again, is read, and takes the one PIN that it has."""
        self.slot.remove()
        self.slot.insert(self.first)
        visit = await self.reader.visit()
        pin = self._pin()
        self.court.begin(Step(self.first.card, (pin,)))
        assert await visit.verify(PIN, Secret(pin)) == Accepted()
        await visit.close()

    def _pin(self) -> str:
        pin = self.first.card.codes.pin.value.decode()
        assert pin in (self.first.card.persona.pin, NEW)
        return pin


def held_by(card: VirtualCard) -> object:
    """Files that were written, objects and keys: what no torn operation may change and call nothing."""
    memory = card.memory
    piv = memory.piv and (dict(memory.piv.objects), dict(memory.piv.keys))
    return dict(memory.written), piv


@asynccontextmanager
async def scene(kind: str) -> AsyncIterator[Scene]:
    """A scene whose reader is closed at the end."""
    playing = Scene(kind)
    try:
        yield playing
    finally:
        await playing.reader.close()


async def table(kind: str, operation: str, *, each: int = 1) -> list[Row]:
    """Exchanges of an operation with a card of a kind, interrupted: all, or every third and such, and always the last.

    Raises AssertionError where a rule is broken.
    """
    async with scene(kind) as whole:
        assert await whole.ends(operation, None) == "done"
        commands = [entry.ins for entry in whole.first.card.log]
    rows: list[Row] = []
    chosen = [at for at in range(len(commands[:MOST_EXCHANGES])) if at % each == 0 or at == len(commands) - 1]
    for at in chosen:
        cells: list[str] = []
        for fault in FAULTS:
            async with scene(kind) as interrupted:
                state = await interrupted.ends(operation, replace(fault, at=at))
                assert interrupted.first.fault is None, "the exchange never came"
                await interrupted.is_sound(state)
                cells.append(state)
        rows.append(Row(commands[at], tuple(cells)))
    return rows


def printed(kind: str, operation: str, rows: list[Row]) -> str:
    """The table as text."""
    heads = [f"{fault.what} {fault.when}" for fault in FAULTS]
    lines = [f"{operation}, kind {kind}", "  ".join(["", " #", f"{'command':28}", *(f"{h:12}" for h in heads)])]
    for number, row in enumerate(rows, start=1):
        lines.append("  ".join(["", f"{number:2}", f"{row.command:28}", *(f"{cell:12}" for cell in row.cells)]))
    return "\n".join(lines) + "\n"


def main(kinds: list[str]) -> None:
    """Print the tables of those kinds (all without any)."""
    for kind in kinds or list("ABCD"):
        for operation in (name for name, how in OPERATIONS.items() if kind in how.kinds):
            print(printed(kind, operation, asyncio.run(table(kind, operation))))


if __name__ == "__main__":
    main(sys.argv[1:])
