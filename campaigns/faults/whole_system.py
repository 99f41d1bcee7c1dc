"""Faults on the whole system in processes: `make campaign PART=whole-system SEED=1 COUNT=500`.

Stations, broker, fleet server with its verifier, and issuer are processes of their own on loopback. A draw is an errand, one or
two faults, each at a place of its own, and what the person does then: comes back to this station or to another, or never. The
faults: system calls of station or server that fail, kill or stop the program at the k-th; the line between station and broker
that is cut, stalls or loses one direction; a program that is killed or stopped at a question; twins (a card pulled or a power
cut at an exchange, no paper, a jammed slot, a pulled cable). Then all is healed and drained, and judged: card, journal, server
and issuer say the same, and the person has what she came for or a way on. Nine draws share a region; at its end a month passes.
"""

import contextlib
import errno
import json
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from sqlalchemy import update

from campaigns.faults.failing_calls import Act, Plan, Strike, library
from campaigns.faults.flaky_line import KINDS, FlakyLine, Trouble
from campaigns.faults.parts import Options, Progress, Verdict
from campaigns.faults.whole_station import Orders
from fleet.messages.issuing import CardRecord
from fleet.server.audit_log.log import entries
from fleet.server.database.database import FILE_NAME, open_database
from fleet.server.deadlines.job import DeadlineJob
from fleet.server.deadlines.settings import load
from fleet.server.orders.model import OPEN, RECEIPT_OWED
from fleet.server.stations.tables import stations
from sim.bench.virtual_bench import Scenario, VirtualBench
from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN, person
from sim.reader.pki import TestAuthority
from tests.fakes.fleet.region import Region
from tests.fleet.server.conftest import KeptChanges

PART = "whole-system"
DRAWS = 500
PEOPLE = (1, 2, 3, 5, 6, 7, 9, 10, 11)
"""Those whose letter, cards and register entry are in order, one for each draw of a region."""
NEW, NEWER = "314159", "271828"
"""The code that a person chooses, and the one after that."""
ERRANDS = ("pickup", "pickup", "pickup", "change_pin", "unblock", "return_card")
ACTS: dict[str, tuple[Act, int]] = {
    "once": ("fail_once", errno.EIO),
    "for_good": ("fail_for_good", errno.EIO),
    "full": ("fail_once", errno.ENOSPC),
    "full_for_good": ("fail_for_good", errno.ENOSPC),
    "kill": ("kill", 0),
    "stop": ("stop", 0),
}
STOPPED, USABLE = ("held", "blocked", "returned"), ("active", "waiting", "handed_out", "ordered")
"""States of a card at the issuer."""
ASIDE = """
SELECT s.name, epoch, sequence, reason FROM quarantine q JOIN stations s ON s.id = q.station
UNION ALL SELECT s.name, epoch, sequence, 'conflict' FROM conflicts c JOIN stations s ON s.id = c.station
"""
EVENTS = """
SELECT e.epoch, e.sequence, e.envelope, e.data FROM events e JOIN stations s ON s.id = e.station WHERE s.name = ?
"""
UNKNOWN_DROP = "SELECT 1 FROM events WHERE type LIKE '%effect.unknown' AND instr(data, 'drop.card') AND instr(data, ?)"
VISIT_S, STOPPED_S, SETTLED_S = 300.0, 3.0, 120.0
ELSEWHERE = "lasarettet-b"


@dataclass(frozen=True)
class Fault:
    """One fault: `where` it strikes, `what` it does there, `at` which place, counted from 1."""

    where: str
    what: str
    at: int

    def __str__(self) -> str:
        return f"{self.where}.{self.what}.{self.at}"


@dataclass(frozen=True)
class Draw:
    """Fate of one person: an errand, its faults, and where they come back."""

    id: str
    person: int
    errand: str
    faults: tuple[Fault, ...]
    back: str
    """`here`, `there` or `never`."""

    def __str__(self) -> str:
        return f"{self.errand} of person {self.person}, {' and '.join(map(str, self.faults))}, back {self.back}"


def draw(seed: int, number: int) -> Draw:
    """The draw of that number; the same for the same seed, whatever else is drawn."""
    random = Random(f"{seed} {number}")
    errand, back = random.choice(ERRANDS), random.choice(("here", "here", "there", "never"))
    faults = tuple(_fault(random, errand) for _ in range(2 if number % 4 == 3 else 1))
    return Draw(f"{PART}:{seed}.{number}", PEOPLE[number % len(PEOPLE)], errand, faults, back)


PLACES = {
    "station write": 430, "station sync": 31, "station open": 3, "station send": 180, "server write": 200, "server sync": 16,
    "line": 80, "server": 16, "broker": 16, "issuer": 16, "twin exchange": 90, "twin question": 16,
}  # fmt: skip
"""How many places of each kind a pick-up has, as counted without a fault."""
SHARE = {"pickup": 1.0, "change_pin": 0.35, "unblock": 0.4, "return_card": 0.55}
"""How many of them each errand has."""


def _fault(random: Random, errand: str) -> Fault:
    def at(kind: str) -> int:
        return random.randint(1, max(1, int(PLACES[kind] * SHARE[errand])))

    match random.choice(("station", "station", "server", "line", "program", "twin")):
        case "station":
            where = random.choice(("station write", "station sync", "station open", "station send"))
            return Fault(where, random.choice(tuple(ACTS)), at(where))
        case "server":
            where = random.choice(("server write", "server sync"))
            return Fault(where, random.choice(("once", "full", "kill", "stop")), at(where))
        case "line":
            return Fault("line", random.choice(KINDS), at("line"))
        case "program":
            where = random.choice(("server", "broker", "issuer"))
            return Fault(where, random.choice(("kill", "stop")), at(where))
        case _:
            action, kind = random.choice(
                (
                    ("pull", "exchange"),
                    ("kill_exchange", "exchange"),
                    ("no_paper", "question"),
                    ("jam", "question"),
                    ("torn_network", "question"),
                )
            )
            return Fault("twin", action, at(f"twin {kind}"))


class System:
    """A region in processes, with a line that may be flaky and programs whose calls may fail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listener = socket.create_server(("127.0.0.1", 0))
        self.region = Region(folder / "region", through=listener.getsockname()[1])
        self.line = FlakyLine(listener, ("127.0.0.1", self.region.mqtt))
        self.plans = {name: Plan(folder / f"{name}.plan") for name in ("station", "server")}
        self.region.server_environment = self.plans["server"].environment()
        self.elsewhere = self.region.another_station(ELSEWHERE)
        self.bench = folder / "bench"
        self._programs: dict[str, tuple[contextlib.ExitStack, subprocess.Popen[str]]] = {}
        self.stopped: dict[int, float] = {}

    def start(self) -> None:
        """Issuer and server, where they do not run."""
        for name, begin in (("issuer", self.region.issuer), ("server", self.region.serve)):
            if name in self._programs and self._programs[name][1].poll() is not None:
                self._programs.pop(name)[0].close()
            if name not in self._programs:
                stack = contextlib.ExitStack()
                self._programs[name] = (stack, stack.enter_context(begin()))

    def close(self) -> None:
        for stack, _ in reversed(self._programs.values()):
            stack.close()
        self._programs.clear()
        self.line.close()

    def pid(self, name: str) -> int:
        """Of a program. Raises FileNotFoundError while the broker is not up."""
        if name == "broker":
            return int((self.region.places.fleet_data / "broker" / "mosquitto.pid").read_text())
        return self._programs[name][1].pid

    def signal(self, name: str, action: str) -> None:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.kill(self.pid(name), signal.SIGKILL if action == "kill" else signal.SIGSTOP)

    def wake(self, *pids: int) -> None:
        """Wake whoever has stood still for long enough."""
        for pid in pids:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state != "T":
                self.stopped.pop(pid, None)
            elif time.monotonic() - self.stopped.setdefault(pid, time.monotonic()) > STOPPED_S:
                os.kill(pid, signal.SIGCONT)

    def arm(self, fault: Fault) -> None:
        """Let it strike in the visit that follows. Faults of programs and twins are the visit's own."""
        program, _, call = fault.where.partition(" ")
        if call:
            act, error = ACTS[fault.what]
            word = "socket:" if call == "send" else {"station": "station.sqlite", "server": FILE_NAME}[program]
            self.plans[program].arm(Strike(call, word, fault.at, act, error))
        elif fault.where == "line":
            self.line.arm(Trouble(fault.what, fault.at, STOPPED_S))

    def heal(self) -> None:
        """All faults are over, and every program runs."""
        for plan in self.plans.values():
            plan.disarm()
        self.line.heal()
        for name in self._programs:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                os.kill(self.pid(name), signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.kill(self.pid("broker"), signal.SIGCONT)
        self.start()


@dataclass
class Visit:
    """Result of a visit: the lines that the station wrote, and its last word where it lived to say one."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    code: int = 0
    errors: str = ""
    cut_off: bool = False
    """It was ended after `VISIT_S`: it hangs, or the machine is too busy to judge anything."""

    @property
    def said(self) -> dict[str, Any]:
        if self.lines and "outcome" in self.lines[-1]:
            return self.lines[-1]
        seen = next((line["view"] for line in reversed(self.lines) if "view" in line), "nothing")
        return {"outcome": f"died ({self.code}) at {seen}"}

    @property
    def is_done(self) -> bool:
        return bool(self.said["outcome"] == "done")


class Case:
    """One draw on a running system."""

    def __init__(self, system: System, drawn: Draw) -> None:
        self.system, self.draw = system, drawn
        self.someone = person(drawn.person)
        self.order = f"2026-{drawn.person:04d}"
        self.bench = system.bench
        self.benches = [self.bench]
        """Of the stations that she has been at."""
        self.code = PIN
        self.visits: list[Visit] = []

    def run(self) -> tuple[str, ...]:
        """The visit that is struck, those that follow, and what is wrong then."""
        if self.draw.errand == "unblock":
            self._bench().card(self.own).lock()
        for fault in self.draw.faults:
            self.system.arm(fault)
        self._visit(self.draw.errand, self._story(again=False), self.draw.faults)
        self.system.heal()
        if not self.visits[-1].is_done and self.draw.back != "never":
            self._come_back()
        if not self.visits[-1].said.get("drained"):
            self._visit("", {})
        return tuple(self.wrong())

    def _come_back(self) -> None:
        if self.draw.back == "there" and self.draw.errand != "return_card":
            self._elsewhere()
        if not any(visit.is_done for visit in self.visits) and not self._has_returned():
            self._again()

    def _again(self) -> None:
        errand = self.draw.errand
        if errand == "unblock" and self._card(self.own_first).codes.pin.tries_left:
            errand = "change_pin"
        self._visit(errand, self._story(again=True, errand=errand))

    def _elsewhere(self) -> None:
        """With the cards that she has in her hands, to another station."""
        here = self.bench
        hand = tuple(name for name in self._hands() if name.startswith(f"{self.draw.person}:"))
        self.bench = here.with_name(f"bench-{self.draw.person}")
        shutil.copytree(here / "cards", self.bench / "cards")
        self.benches.append(self.bench)
        errand = self.draw.errand
        if errand == "unblock" and self._card(self.own_first).codes.pin.tries_left:
            errand = "change_pin"
        self._visit(errand, self._story(again=True, errand=errand), hand=hand, config=self.system.elsewhere)
        if not self.visits[-1].said.get("drained"):
            self._visit("", {}, hand=hand, config=self.system.elsewhere)
        for name in hand:
            file = f"{name.replace(':', '-')}.json"
            if (self.bench / "cards" / file).exists():
                shutil.copy(self.bench / "cards" / file, here / "cards" / file)
        self.bench = here

    @property
    def own_first(self) -> str:
        return f"{self.draw.person}:old"

    @property
    def own(self) -> str:
        """The card that she shows: the old one while she has it."""
        old = self.own_first
        return old if not self._is_binned(old) else f"{self.draw.person}:new"

    def _story(self, *, again: bool, errand: str = "") -> dict[str, list[str]]:
        pin = [PIN] if not again else [PIN, NEW]
        chosen = NEWER if again and (errand or self.draw.errand) != "pickup" else NEW
        new, old = self.someone.new, self.someone.old
        shows = [NEW] if self.own != self.own_first else [PIN]
        answers = {
            "pickup": {
                "who": ["old_card"], "insert_old": ["own"], "pin_old": shows, "terms": ["accept"],
                "printed": [new.card_number[-8:]], "insert_new": ["new"], "sign_owed": ["new"], "code_from_before": [NEW],
                "puk": [new.puk], "puk_wrong": [new.puk], "new_pin": [NEW], "repeat_pin": [NEW], "write": ["write"],
                "pulled": ["new"], "check_code": [NEW], "not_written": ["again"], "receipt": ["sign"],
                "sign_pin": [NEW], "done": ["end"],
            },
            "change_pin": {
                "insert": ["own"], "pin": pin, "new_pin": [chosen], "repeat_pin": [chosen], "done": ["end"],
            },
            "unblock": {
                "insert": ["own"], "locked": ["unblock"], "puk": [old.puk], "new_pin": [chosen],
                "repeat_pin": [chosen], "write": ["write"], "done": ["end"],
            },
            "return_card": {
                "insert": ["own"], "know_code": ["yes"], "pin": [PIN], "why": ["replaced"], "confirm": ["return"],
                "done": ["end"],
            },
        }  # fmt: skip
        chosen_errand = errand or self.draw.errand
        self.code = chosen
        return {f"{chosen_errand}.{view}": values for view, values in answers[chosen_errand].items()}

    def _visit(
        self, errand: str, story: dict[str, list[str]], faults: tuple[Fault, ...] = (), *,
        hand: tuple[str, ...] | None = None, config: Path | None = None,
    ) -> None:  # fmt: skip
        system = self.system
        twin = next(((fault.what, fault.at) for fault in faults if fault.where == "twin"), None)
        hands = hand if hand is not None else tuple(f"{number}:old" for number in PEOPLE)
        slots = {} if hand is not None else {2 * number: f"{number}:new" for number in PEOPLE}
        orders = Orders(
            str(config or system.region.places.config), str(self.bench), str(system.region.places.folder / "card-authority"),
            errand, self.draw.person, story, self.own, slots, hands, twin,
        )  # fmt: skip
        file = system.folder / "orders.json"
        file.write_bytes(msgspec.json.encode(orders))
        at_question = {fault.at: fault for fault in faults if fault.where in ("server", "broker", "issuer")}
        self.visits.append(self._watched(file, at_question))

    def _watched(self, orders: Path, at_question: dict[int, Fault]) -> Visit:
        """Run the station, strike programs at their questions, wake what stands still; give up after a time."""
        environment = {**self.system.region.environment, **self.system.plans["station"].environment()}
        command = [sys.executable, "-m", "campaigns.faults.whole_station", str(orders)]
        visit, begun = Visit(), time.monotonic()
        with tempfile.TemporaryFile("w+") as errors, subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as station:  # fmt: skip
            ended = threading.Event()

            def watch() -> None:
                while not ended.wait(0.2):
                    self.system.wake(station.pid, *self._pids())
                    if time.monotonic() - begun > VISIT_S:
                        visit.cut_off = True
                        station.kill()

            watcher = threading.Thread(target=watch, daemon=True)
            watcher.start()
            assert station.stdout is not None
            for line in station.stdout:
                visit.lines.append(json.loads(line))
                if "errand" in visit.lines[-1]:
                    self.system.heal()
                fault = at_question.pop(visit.lines[-1].get("asked", -1) + 1, None)
                if fault is not None:
                    self.system.signal(fault.where, fault.what)
            visit.code = station.wait()
            ended.set()
            watcher.join()
            errors.seek(0)
            visit.errors = errors.read()[-2000:]
        return visit

    def _pids(self) -> Iterator[int]:
        for name in ("server", "broker", "issuer"):
            with contextlib.suppress(FileNotFoundError, KeyError, ValueError):
                yield self.system.pid(name)

    # What is there afterwards

    def _bench(self) -> VirtualBench:
        now = datetime.now(UTC)
        slots = {2 * number: f"{number}:new" for number in PEOPLE}
        world = VirtualBench.open(self.bench, Scenario(slots, tuple(f"{n}:old" for n in PEOPLE), (), 24), now)
        world.authority = TestAuthority.load_or_create(self.system.region.places.folder / "card-authority", now)
        return world

    def _hands(self) -> list[str]:
        state = _state(self.bench)
        return [*state.get("hand", ()), *state.get("in_reader", {}).values()]

    def _is_binned(self, name: str) -> bool:
        """Return whether it lies in the bin of a station that she has been at."""
        return any(name in _state(bench).get("cabinet", {}).get("drop", {}).get("bin", ()) for bench in self.benches)

    def _card(self, name: str) -> VirtualCard:
        return VirtualCard.load(self.system.bench / "cards" / f"{name.replace(':', '-')}.json")

    def wrong(self) -> Iterator[str]:
        last = next(
            (visit for visit in reversed(self.visits) if visit.lines and "asked" in visit.lines[0]), self.visits[-1]
        )
        if any(visit.cut_off for visit in self.visits):
            yield f"a visit was cut off after {VISIT_S:.0f} s"
            return
        for visit in self.visits[1:]:
            if visit.code:
                yield f"the station died without a fault: {visit.code}, {visit.errors[-300:]}"
        yield from self._wrong_events(self.system.region.places.config, "lasarettet-a")
        yield from self._wrong_events(self.system.elsewhere, ELSEWHERE)
        came = self.draw.back != "never" or last.is_done
        if came and not last.is_done and not self._has_returned() and not self._has_collected():
            yield f"no way on: {last.said}"
        yield from self._wrong_card(last)
        yield from self._wrong_issuer()
        if self.draw.errand == "pickup":
            yield from self._wrong_order(last)

    def _has_returned(self) -> bool:
        return self.draw.errand == "return_card" and self._is_binned(self.own_first)

    def _has_collected(self) -> bool:
        """Return whether the new card is hers, and she has signed for it: only what became of the old one was cut off."""
        return self.draw.errand == "pickup" and self._order_and_receipts() == ("collected", 1)

    def _order_and_receipts(self) -> tuple[str, int]:
        with contextlib.closing(self._server()) as store:
            (state,) = store.execute('SELECT state FROM orders WHERE "order" = ?', (self.order,)).fetchone()
            query = "SELECT count(*) FROM events WHERE type LIKE '%receipt.issued' AND subject = ?"
            (receipts,) = store.execute(query, (f"order/{self.order}",)).fetchone()
        return state, receipts

    def _wrong_events(self, config: Path, name: str) -> Iterator[str]:
        """Every event once, with its very bytes; nothing set aside."""
        file = config.parent / "data" / "station.sqlite"
        if not file.exists():
            return
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as mine:
            written = {row[:2]: row[2:] for row in mine.execute("SELECT epoch, sequence, envelope, data FROM outbox")}
        with contextlib.closing(self._server()) as store:
            held_rows = [(row[:2], row[2:]) for row in store.execute(EVENTS, (name,))]
            aside = store.execute(ASIDE).fetchall()
        if len(held_rows) != len(dict(held_rows)):
            yield f"{name}: an event is held twice"
        for place in sorted(written.keys() ^ dict(held_rows).keys()):
            yield f"{name}: event {place} is {'not held' if place in written else 'held and was never written'}"
        for place, content in held_rows:
            if written.get(place, content) != content:
                yield f"{name}: event {place} is held with other bytes"
        if aside:
            yield f"messages were set aside: {aside}"

    def _server(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.system.region.places.fleet_data / FILE_NAME}?mode=ro", uri=True)

    def _wrong_card(self, last: Visit) -> Iterator[str]:
        which = f"{self.draw.person}:new" if self.draw.errand == "pickup" else self.own_first
        if not (self.system.bench / "cards" / f"{which.replace(':', '-')}.json").exists():
            return
        codes = self._card(which).codes
        code = codes.pin.value.decode() if codes.pin.value else ""
        if codes.puk.tries_left < codes.puk.tries_max:
            yield f"tries of the PUK are gone: {codes.puk.tries_left}"
        if self.draw.errand == "return_card":
            return
        if last.is_done and (code != self.code or codes.pin.tries_left < codes.pin.tries_max):
            yield f"the code of {which} is {code} with {codes.pin.tries_left} tries, and {self.code} was said"
        if code not in (PIN, NEW, NEWER):
            yield f"nobody has typed the code {code}"

    def _wrong_issuer(self) -> Iterator[str]:
        """A card in a bin is stopped there, and one of which the station does not know may be; no other is."""
        old, new = self.someone.old.card_number, self.someone.new.card_number
        is_binned = self._is_binned(self.own_first)
        good = STOPPED if is_binned else (*USABLE, *STOPPED) if self._is_drop_unknown(old) else USABLE
        if not _comes(lambda: self._issuers_word(old) in good):
            yield f"the old card is {self._issuers_word(old)} at the issuer; in a bin: {is_binned}"
        if self._issuers_word(new) not in USABLE:
            yield f"the new card is {self._issuers_word(new)} at the issuer"

    def _is_drop_unknown(self, card_number: str) -> bool:
        with contextlib.closing(self._server()) as store:
            return bool(store.execute(UNKNOWN_DROP, (card_number.encode(),)).fetchone())

    def _issuers_word(self, number: str) -> str:
        file = next(self.system.region.places.issuer.glob("*.sqlite"))
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as issuer:
            row = issuer.execute("SELECT content FROM card WHERE number = ?", (number,)).fetchone()
        return msgspec.json.decode(row[0], type=CardRecord).state

    def _wrong_order(self, last: Visit) -> Iterator[str]:
        state, receipts = self._order_and_receipts()
        if last.is_done != (state == "collected") and not (state == "collected" and receipts):
            yield f"the order is {state}, and the errand ended {last.said['outcome']}"
        if not last.is_done and state not in (*OPEN, *RECEIPT_OWED, "collected"):
            yield f"nobody is offered the order any more: {state}"
        if receipts > 1:
            yield f"{receipts} receipts"


def _state(bench: Path) -> dict[str, Any]:
    file = bench / "world.json"
    return json.loads(file.read_text()) if file.exists() else {}


def _comes(reached: Callable[[], bool]) -> bool:
    """Return whether it becomes so within a while: the issuer is told from a queue."""
    until = time.monotonic() + SETTLED_S
    while not reached():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def month_passes(system: System) -> set[str]:
    """A month in which stations are open and nobody comes. Gives the orders whose card was put on hold for lack of a receipt."""
    now = datetime.now(UTC)
    with open_database(system.region.places.fleet_data / FILE_NAME) as database:
        job = DeadlineJob(database, load(), KeptChanges(), lambda: now)
        with database.writing.begin() as connection:
            connection.execute(update(stations).values(online=True))
        until = now + timedelta(days=32)
        while now < until:
            now += timedelta(hours=5)
            job.look()
        with database.reading.begin() as connection:
            audit_entries = entries(connection)[0]
    return {
        entry.target
        for entry in audit_entries
        if entry.action == "deadline.hold" and entry.detail.startswith("receipt_unsigned")
    }


def run_draws(draws: list[Draw], folder: Path) -> Iterator[Verdict]:
    """Play them one after the other in one region, and let a month pass."""
    system = System(folder)
    outcomes: list[tuple[Case, tuple[str, ...]]] = []
    try:
        system.start()
        for drawn in draws:
            case = Case(system, drawn)
            outcomes.append((case, case.run()))
    finally:
        system.close()
    held_orders = month_passes(system)
    for case, broken in outcomes:
        done = any(visit.is_done for visit in case.visits)
        if case.order in held_orders and case.draw.errand == "pickup" and done:
            broken = (*broken, "the card is put on hold, and its receipt is signed")
        names = " ".join(sorted({f"{fault.where} {fault.what}" for fault in case.draw.faults}))
        ends = ", ".join(str(visit.said["outcome"]) for visit in case.visits)
        yield Verdict(
            case.draw.id,
            names if len(case.draw.faults) == 1 else "two faults",
            case.draw.errand,
            broken,
            f"{case.draw}: {ends}",
        )


def run_batch(draws: list[Draw]) -> list[Verdict]:
    """The verdicts of one region."""
    with tempfile.TemporaryDirectory(prefix="kk-") as folder:
        return list(run_draws(draws, Path(folder)))


def batches(draws: Iterable[Draw]) -> Iterator[list[Draw]]:
    """Draws that can share a region, since each is of another person."""
    batch: list[Draw] = []
    for drawn in draws:
        if drawn.person in [other.person for other in batch]:
            yield batch
            batch = []
        batch.append(drawn)
    if batch:
        yield batch


def run_part(options: Options) -> int:
    """`count` draws of that seed that were not run yet, or those that are named; `jobs` regions side by side."""
    progress, begun = Progress.open(PART, options), time.monotonic()
    names = options.ids or tuple(f"{PART}:{options.seed}.{number}" for number in range(options.count or DRAWS))
    draws = [draw(*map(int, name.partition(":")[2].split("."))) for name in (options.ids or progress.missing(names))]
    library()  # built once, before several regions want it
    with multiprocessing.get_context("spawn").Pool(options.jobs, logging.disable) as pool:
        for verdicts in pool.imap_unordered(run_batch, batches(draws)):
            for verdict in verdicts:
                progress.add(verdict, of=len(names))
                if options.ids:
                    print(verdict.ended)
    print(progress.table())
    print(f"{len(draws)} draws in {time.monotonic() - begun:.0f} s, {options.jobs} regions at a time")
    return int(any(verdict.broken for verdict in progress.verdicts.values()))
