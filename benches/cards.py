"""The four kinds of card: what passes at the card, and how long it takes, ours beside other people's programs.

All do the same work on the same virtual card in the same run, through PC/SC and the virtual reader driver. What passes is
counted at the card, so that all are counted alike. Other people's programs are a process for each piece of work and
keep no files; our reader works in the process that a station is.
"""

import asyncio
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter

from cryptography.hazmat.primitives.serialization import Encoding

from benches import visits
from benches.card import NEW, PIN, PUK, Act, CountedCard, OpenSc, nothing, run, visit_once, wait_until_seen
from benches.figures import CannotMeasureError, Figure, compared_with, median_ms, with_limit
from drivers.reader.apdu import SHORT_LE
from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.outcomes import Role
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.secret import Secret
from drivers.reader.transport.pcsc import PcscBackend
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.kinds import KINDS
from sim.reader.pcscd import NoServiceError, running_service
from sim.reader.personas import person, with_two_pins
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from sim.reader.vpcd import FIRST_PORT, plug
from sim.stories.foreign import estrange, known_without_ours

WHO = Role.IDENTIFICATION
TIMES = 3
OURS = 15
ACT_LIMIT = 3
"""Exchanges to change or unblock a PIN once the card is identified, the same-card check included."""
LARGE = ("padded-files", "no-sfi", "batch-serial", "trusted-list", "one-certificate")
EXCHANGE_LIMIT_MS, ERRAND_LIMIT_MS = 1.0, 50.0
"""What our own side of the wire may take."""
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Somebody else's program at one piece of work. `{reader}` stands for the reader's name."""

    name: str
    words: Words


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work: ours, and who else does it. The first of them is what the others stand beside."""

    name: str
    act: Act
    others: tuple[Program, ...]


def _pkcs15(name: str, *words: str) -> Program:
    return Program(f"pkcs15-tool {name}".strip(), ("pkcs15-tool", *words))


def _piv(*words: str) -> Program:
    return Program("yubico-piv-tool", ("yubico-piv-tool", "-r", "{reader}", *words))


def _ykman(*words: str) -> Program:
    return Program("ykman piv", ("ykman", "--reader", "{reader}", "piv", *words))


_PKCS11 = Program("pkcs11-tool", ("pkcs11-tool", "--list-objects"))
_PKCS11_CHANGE = Program("pkcs11-tool", ("pkcs11-tool", "--change-pin", "--pin", PIN, "--new-pin", NEW))
_FILES = {
    "identify": (_pkcs15("--dump", "--dump"), _PKCS11),
    "change": (_pkcs15("", "--change-pin", "--pin", PIN, "--new-pin", NEW), _PKCS11_CHANGE),
    "unblock": (_pkcs15("", "--unblock-pin", "--puk", PUK, "--new-pin", NEW),),
}
_OBJECTS = {
    "identify": (_piv("-a", "status"), _ykman("info"), _PKCS11),
    "change": (_piv("-a", "change-pin", "-P", PIN, "-N", NEW), _ykman("access", "change-pin", "-P", PIN, "-n", NEW)),
    "unblock": (_piv("-a", "unblock-pin", "-P", PUK, "-N", NEW), _ykman("access", "unblock-pin", "-p", PUK, "-n", NEW)),
}
OTHERS = {"A": _FILES, "B": _FILES, "C": _OBJECTS, "D": _OBJECTS}


def measure(folder: Path) -> list[Figure]:
    """All figures. Raises CannotMeasureError without a PC/SC service or OpenSC."""
    if shutil.which("pkcs15-tool") is None:
        raise CannotMeasureError("OpenSC is not installed (Debian package opensc)")
    now = datetime.now(UTC)
    authority = TestAuthority.create(now)
    try:
        with running_service() as readers:
            by_kind = [figure for kind in KINDS for figure in _kind(kind, readers[FIRST_PORT], authority, folder)]
            by_trait = [figure for row in BY_TRAIT for figure in _traits(row, readers[FIRST_PORT], authority, folder)]
            return [*by_kind, *by_trait, *real_shape(authority), *visits.measure()]
    except NoServiceError as reason:
        raise CannotMeasureError(str(reason)) from None


@dataclass(frozen=True, slots=True)
class TraitRow:
    """Cards with traits of real products, and the exchanges that they may take: the first of its product, the same again."""

    name: str
    kind: str
    traits: tuple[str, ...]
    first: int
    again: int


BY_TRAIT = (
    TraitRow("PKCS#15, large padded files, no SFI", "B", (*LARGE, "no-puk-object"), 15, 6),
    TraitRow("PKCS#15, padded, no SFI", "A", ("padded-ff", "no-sfi-6a82", "one-certificate"), 14, 6),
    TraitRow("PKCS#15, padded, SFI", "B", ("padded-files", "one-certificate"), 14, 6),
    TraitRow("PIV, one certificate", "C", ("one-certificate",), 8, 5),
    TraitRow("T=0, padded, no SFI", "B", ("padded-files", "no-sfi", "t0", "trusted-list"), 30, 30),
)


def _traits(row: TraitRow, reader: str, authority: TestAuthority, folder: Path) -> Iterator[Figure]:
    """Identify, the next card of the product, the same again, change and unblock: counted in the process. Beside it what
    other people's programs take through PC/SC, where they know the card."""
    made = [
        VirtualCard.create(
            replace(person(number).new, key_algorithm="EC-P256"), authority, datetime.now(UTC),
            kind=row.kind, traits=row.traits,
            path=folder / f"{row.kind}-{number}-{len(row.traits)}.json",
        )
        for number in (6, 7)
    ]  # fmt: skip
    yield from _others(row, made[0], reader, folder)
    first, following, again, changed, unblocked = asyncio.run(_counts(made))
    limits = {"identify": (first, row.first), "identify, the same again": (again, row.again)}
    for label, (value, most) in limits.items():
        yield with_limit(Figure(f"{row.name}: {label}", value, "exchanges", ", ".join(row.traits)), most)
    yield Figure(f"{row.name}: identify, the next of its product", following, "exchanges")
    for label, value in (("change", changed), ("unblock", unblocked)):
        yield with_limit(Figure(f"{row.name}: {label}, after identification", value, "exchanges"), ACT_LIMIT)


REAL = "siths"
"""Two pairs of certificates, of which one bears a personal identity number; and two PINs."""


@dataclass(frozen=True, slots=True)
class RealRow:
    """A card of the real shape, and the exchanges that it may take: where there is a goal."""

    name: str
    traits: tuple[str, ...] = ()
    first: int | None = None
    is_known: bool = False
    """The profiles that ship have its product."""


REAL_ROWS = (
    RealRow("unknown, no short ids", ("padded-ff", "no-sfi"), 26),
    RealRow("unknown, no short ids, T=0", ("padded-ff", "no-sfi", "t0")),
    RealRow("our twin", (), 15, is_known=True),
    RealRow("our twin, T=0", ("t0",), is_known=True),
)


def real_shape(authority: TestAuthority) -> Iterator[Figure]:
    """Identify, the same again, change and unblock of each of two codes, on the shape that public pages describe, counted in the
    process. The floor is what somebody sends who knows every file, and reads one certificate, the holder's for log-in; beside it
    the same with all four."""
    for row in REAL_ROWS:
        persona = with_two_pins(replace(person(1).new, shape=REAL))
        card = VirtualCard.create(persona, authority, datetime.now(UTC), traits=row.traits)
        card = card if row.is_known else estrange(card)
        name, select = f"real shape, {row.name}", 0 if row.is_known else 1
        sizes = [len(key.certificate.public_bytes(Encoding.DER)) for key in card.keys]
        certificates = [1 + math.ceil(size / SHORT_LE) for size in sizes]
        base = 1 + 3 * (1 + select) + (2 if row.is_known else 0)  # the application; token, codes, certificates; tries
        floor = Figure(f"{name}: raw floor", base + certificates[0], "exchanges")
        yield floor
        yield Figure(f"{name}: raw floor, all certificates", base + sum(certificates), "exchanges")
        first, rest, again, _, *acts = asyncio.run(_two_codes(card, row))
        ours = compared_with(floor, f"{name}: identify", first)
        yield Figure(f"{name}: the rest, before an errand decides", rest, "exchanges")
        yield ours if row.first is None else with_limit(ours, row.first)
        yield with_limit(Figure(f"{name}: identify, the same again", again, "exchanges"), 6)
        for label, count in zip(("change", "change, second PIN", "unblock", "unblock, second PIN"), acts, strict=False):
            yield with_limit(Figure(f"{name}: {label}, after identification", count, "exchanges"), ACT_LIMIT)


async def _two_codes(card: VirtualCard, row: RealRow) -> list[int]:
    """First and its rest, again and its rest, and where the product is known each code changed and unblocked."""
    slot, pins = (
        VirtualSlot("bench"),
        {Role.IDENTIFICATION: card.persona.pin, Role.SIGNATURE: card.persona.signature_pin},
    )
    profiles = builtin() if row.is_known else Profiles(known_without_ours())
    station = CardReader(InProcessBackend([slot]), "bench", ReaderSettings(profiles=profiles))
    counts: list[int] = []

    async def visit(act: Act) -> int:
        slot.insert(card)
        async with visiting(station) as visit:
            identified = visit.exchange.apdus
            await visit.read_rest()
            whole = visit.exchange.apdus
            await act(visit)
            counts.extend((identified, whole - identified) if act is nothing else (visit.exchange.apdus - whole,))
        slot.remove()
        return counts[-1]

    await visit(nothing)
    await visit(nothing)
    for at, (role, pin) in enumerate(pins.items()):
        await visit(_change(role, pin, f"97531{at}"))
    for at, role in enumerate(pins if row.is_known else ()):
        code = card.codes.pin if role is Role.IDENTIFICATION else card.memory.signature_pin
        assert code is not None
        code.tries_left = 0
        await visit(_unblock(role, card.persona.puk, f"86420{at}"))
    await station.close()
    return counts


def _change(role: Role, pin: str, new: str) -> Act:
    return lambda visit: visit.change(role, Secret(pin), Secret(new))


def _unblock(role: Role, puk: str, new: str) -> Act:
    return lambda visit: visit.unblock(role, Secret(puk), Secret(new))


def _others(row: TraitRow, made: VirtualCard, reader: str, folder: Path) -> Iterator[Figure]:
    assert made.path is not None
    card, opensc = CountedCard(made.path), OpenSc(folder)
    with plug(card, port=FIRST_PORT):
        wait_until_seen(reader, present=True)
        for other in OTHERS[row.kind]["identify"]:
            card.begin()
            try:
                run([word.format(reader=reader) for word in other.words], opensc.environment)
            except (CannotMeasureError, FileNotFoundError):
                continue
            yield Figure(f"{row.name}: {other.name}", len(card.passed), "exchanges")
    wait_until_seen(reader, present=False)


async def _counts(cards: list[VirtualCard]) -> tuple[int, int, int, int, int]:
    """First, next, again, of a product that no profile of ours is for; then change and unblock after identification."""
    slot = VirtualSlot("bench")
    stranger = ReaderSettings(profiles=Profiles(known_without_ours()))

    async def visit(station: CardReader, card: VirtualCard, act: Act = nothing) -> tuple[int, int]:
        slot.insert(card)
        async with visiting(station) as visit:
            identified = visit.exchange.apdus
            await act(visit)
            spent = visit.exchange.apdus - identified
        slot.remove()
        return identified, spent

    station = CardReader(InProcessBackend([slot]), "bench", stranger)
    first, following, again = [(await visit(station, card))[0] for card in (*cards, cards[1])]
    await station.close()
    card, station = cards[0], CardReader(InProcessBackend([slot]), "bench")
    pin, puk, new = (Secret(code) for code in (card.persona.pin, card.persona.puk, NEW))
    _, changed = await visit(station, card, lambda visit: visit.change(WHO, pin, new))
    card.lock()
    _, unblocked = await visit(station, card, lambda visit: visit.unblock(WHO, puk, new))
    await station.close()
    return first, following, again, changed, unblocked


def _kind(kind: str, reader: str, authority: TestAuthority, folder: Path) -> Iterator[Figure]:
    path = folder / f"{kind}.json"
    VirtualCard.create(person(1).new, authority, datetime.now(UTC), kind=kind, path=path)
    card = CountedCard(path)
    with plug(card, port=FIRST_PORT):
        wait_until_seen(reader, present=True)
        for work in _works(kind):
            yield from _compared(kind, work, reader, card, folder)
        yield from _again(kind, reader, card)
    wait_until_seen(reader, present=False)
    yield from _own_time(kind, card, authority)


def _works(kind: str) -> Iterator[Work]:
    pin, puk, new = Secret(PIN), Secret(PUK), Secret(NEW)
    others = OTHERS[kind]
    yield Work("identify", nothing, others["identify"])
    yield Work("change", lambda visit: visit.change(WHO, pin, new), others["change"])
    yield Work("unblock", lambda visit: visit.unblock(WHO, puk, new), others["unblock"])


def _compared(kind: str, work: Work, reader: str, card: CountedCard, folder: Path) -> Iterator[Figure]:
    opensc = OpenSc(folder)
    floors: tuple[Figure, Figure] | None = None
    for other in work.others:
        words = [word.format(reader=reader) for word in other.words]
        try:
            value = median_ms(partial(run, words, opensc.environment), TIMES, card.begin)
        except (CannotMeasureError, FileNotFoundError):
            continue  # it is not installed, or does not take this kind of card
        pair = _pair(f"{kind} {work.name}: {other.name}", value, card, floors)
        floors = floors or pair
        yield from pair
    before: list[int] = []
    value = median_ms(lambda: before.append(asyncio.run(visit_once(reader, work.act))), OURS, card.begin)
    yield from _pair(f"{kind} {work.name}: ours", value, card, floors)
    if work.name != "identify":
        limit = Figure("the limit after identification", ACT_LIMIT, "exchanges")
        yield compared_with(limit, f"{kind} {work.name}: ours, after identification", len(card.passed) - before[-1])
    elif floors is not None and "--dump" in work.others[0].name:
        rest = len(card.passed) - _for_certificates(card)
        yield compared_with(
            floors[0], f"{kind} identify: ours, certificates left out", rest, "as --dump leaves them out"
        )


def _for_certificates(card: CountedCard) -> int:
    """Exchanges that select and read certificates, 256 bytes at a time."""
    sizes = [len(key.certificate.public_bytes(Encoding.DER)) for key in card.card.keys]
    return sum(1 + math.ceil(size / SHORT_LE) for size in sizes)


def _pair(label: str, value: float, card: CountedCard, floors: tuple[Figure, Figure] | None) -> tuple[Figure, Figure]:
    """Exchanges (and bytes) and time, beside those of the first program."""
    count, size = len(card.passed), f"{card.size:,} bytes"
    if floors is None:
        return Figure(label, count, "exchanges", size), Figure(f"{label}, time", value, "ms")
    return compared_with(floors[0], label, count, size), compared_with(floors[1], f"{label}, time", value)


def _again(kind: str, reader: str, card: CountedCard) -> Iterator[Figure]:
    """The card is taken out and put in again: the reader has seen it, a program has not."""

    async def twice() -> tuple[int, int]:
        station = CardReader(PcscBackend(), reader)
        try:
            async with visiting(station) as visit:
                first = visit.exchange.apdus
            async with visiting(station) as visit:
                return first, visit.exchange.apdus
        finally:
            await station.close()

    card.begin()
    first, second = asyncio.run(twice())
    floor = Figure(f"{kind} identify: ours", first, "exchanges")
    yield compared_with(
        floor, f"{kind} identify again: ours", second, "the same card, within the same visit to the station"
    )


def _own_time(kind: str, card: CountedCard, authority: TestAuthority) -> Iterator[Figure]:
    """Identify with chains built, and change the PIN, in-process: all but waiting for the card."""
    trust = TrustStore(authority.anchors(), authority.intermediates())
    slot = VirtualSlot("bench")
    spent: list[tuple[float, int]] = []

    async def errand() -> None:
        reader = CardReader(InProcessBackend([slot]), "bench", ReaderSettings(trust=trust))
        began = perf_counter()
        async with visiting(reader) as visit:
            await visit.change(WHO, Secret(PIN), Secret(NEW))
            done = visit.exchange
        spent.append((1000 * (perf_counter() - began) - done.ms, done.apdus))
        await reader.close()

    for _ in range(OURS):
        card.begin()
        slot.insert(card.card)
        asyncio.run(errand())
        slot.remove()
    own, count = sorted(spent)[len(spent) // 2]
    errands = Figure("the limit of an errand", ERRAND_LIMIT_MS, "ms")
    yield compared_with(
        errands, f"{kind} errand: our own time", own, "identify, chains, change; without waiting for the card"
    )
    exchanges = Figure("the limit of an exchange", EXCHANGE_LIMIT_MS, "ms")
    yield compared_with(exchanges, f"{kind} errand: our own time an exchange", own / count)
