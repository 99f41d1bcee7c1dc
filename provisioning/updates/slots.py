"""Slot program: the custom boot loader back end of RAUC, and what a start of the machine notes and gives up.

    python3 -m provisioning.updates.slots get-primary | set-primary B | get-state B | set-state B good|bad | get-current
    python3 -m provisioning.updates.slots note-start      early in each start: what it is a start of, in /run/kortkiosk-slots.json
    python3 -m provisioning.updates.slots note-up         once the station runs: the initial RAM disk counts from zero again
    python3 -m provisioning.updates.slots is-trial        exit 0 while a start is not confirmed: then the time is over

Rules, as RAUC 1.13 calls it:
- RAUC marks the other slot bad, writes it, and makes it primary: that also makes it good again, and it is tried once.
- The slot that is tried becomes the default one when it is marked good while it runs, and not before.
- The default slot is not marked bad while the other one is bad or on trial: something must be left to start from.
- A boot loader that does not obey a one-shot choice is refused before the switch, by name.

Two files hold it: the boot loader's own (which slot is the default), and `kortkiosk-slots.json` (the slot on trial, whether it
was started, the slots that are bad). Each step writes one of them, so that a cut between two leaves a start of one of the slots.
Nothing but the standard library: it runs as root before the station.
"""

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from provisioning import files
from provisioning.updates.boot_loaders import BootLoader, Slot, boot_loader, replace_file

STATE_FILE = "kortkiosk-slots.json"
STARTS_FILE = "kortkiosk-starts"
"""Written by image/guard/count-start: a slot, its starts, and the slot that it was chosen for since that one did not come up."""
NOTES = Path("/run/kortkiosk-slots.json")
KERNEL_LINE = Path("/proc/cmdline")
BLOCKING = frozenset({"old_firmware", "wrong_partition", "no_variables", "default_overridden"})
"""Problems with which no trial is begun: it would not be started, or nobody would know of what it was a start."""

Start = Literal["usual", "trial", "fell_back", "not_started", "unexpected"]
"""What a start was: of the default slot; of the slot on trial; of the default slot after the trial failed, or although the slot
on trial was never started; of a slot that nobody asked for."""


class SlotRefusedError(Exception):
    """It is not done. The text says why."""


@dataclass(frozen=True, slots=True)
class StartNotes:
    """Notes of this start, for the station to read."""

    start: Start
    current: Slot | None
    primary: Slot
    bad: tuple[Slot, ...]
    problems: tuple[str, ...]
    loader: str = ""
    """When the boot loader was built (ISO 8601), where it says so: a Raspberry Pi's in its EEPROM."""


@dataclass(slots=True)
class _State:
    trial: Slot | None = None
    started: bool = False
    bad: set[Slot] = field(default_factory=set)


class Slots:
    """The two slots of this machine. `current`: the one that runs, None where the kernel line names none."""

    def __init__(self, loader: BootLoader, current: Slot | None) -> None:
        self._loader = loader
        self.current = current
        self._default = loader.default_slot() or current or Slot.A
        self._state = self._read()

    @property
    def trial(self) -> Slot | None:
        """The slot that is to be tried, or is tried just now."""
        return self._state.trial

    def primary(self) -> Slot:
        return self._state.trial or self._default

    def is_good(self, slot: Slot) -> bool:
        return slot not in self._state.bad

    def set_primary(self, slot: Slot) -> None:
        """It is good, and it is what the next start is of. Raises SlotRefusedError, OSError."""
        if slot is self._default:
            self._loader.disarm()
            self._keep(_State(bad=self._state.bad - {slot}))
            return
        if slot is self.current and self._state.trial is slot:  # the next start is its own once it is good
            self._loader.disarm()
            return
        blocking = [problem for problem in self._loader.problems(self.current) if problem in BLOCKING]
        if blocking:
            raise SlotRefusedError(f"slot {slot} cannot be tried: {', '.join(blocking)}")
        self._keep(_State(trial=slot, bad=self._state.bad - {slot}))
        self._loader.arm(slot)

    def mark_good(self, slot: Slot) -> None:
        """Confirm the slot that runs on trial; of another, take back that it is bad. Raises SlotRefusedError, OSError."""
        if slot is self._state.trial and slot is self.current:
            if "wrong_partition" in self._loader.problems(self.current):
                raise SlotRefusedError(f"slot {slot} is not what the firmware has started")
            self._loader.disarm()
            self._loader.write_default(slot)
            self._default = slot
            self._keep(_State(bad=self._state.bad - {slot}))
            self.note_up()
        elif slot in self._state.bad:
            self._keep(_State(self._state.trial, self._state.started, self._state.bad - {slot}))

    def mark_bad(self, slot: Slot) -> None:
        """It is not started again until it is primary or good. Raises SlotRefusedError, OSError."""
        if slot is self._default:
            if self._state.trial is not None or not self.is_good(slot.other):
                raise SlotRefusedError(f"slot {slot} is the only one that is known to start")
            self._loader.write_default(slot.other)
            self._default = slot.other
        self._loader.disarm()
        self._keep(_State(bad=self._state.bad | {slot}))

    def note_up(self) -> None:
        """This start went well; one on trial has not until it is marked good. Raises OSError."""
        if self.current is not self._state.trial:
            (self._loader.folder / STARTS_FILE).unlink(missing_ok=True)

    def note_start(self) -> StartNotes:
        """Note what this start is, once for each start: a trial that fell back makes its slot bad. Raises OSError."""
        start = self._start()
        if start == "trial":
            self._keep(_State(self._state.trial, started=True, bad=self._state.bad))
        elif start in ("fell_back", "not_started"):
            failed = {self._state.trial} if start == "fell_back" and self._state.trial else set()
            self._keep(_State(bad=self._state.bad | failed))
        problems = list(self._loader.problems(self.current))
        if self._loader.is_armed() or start == "unexpected":
            self._loader.disarm()
            problems.append("stale_flag")
        with contextlib.suppress(OSError):
            problems += ["gave_way"] * ((self._loader.folder / STARTS_FILE).read_bytes().split()[2:] != [])
        bad = tuple(sorted(self._state.bad))
        return StartNotes(start, self.current, self.primary(), bad, tuple(problems), self._loader.version())

    def _start(self) -> Start:
        if self._state.trial is None:
            return "usual" if self.current in (None, self._default) else "unexpected"
        if self.current is self._state.trial:
            return "trial"
        return "fell_back" if self._state.started else "not_started"

    def _read(self) -> _State:
        try:
            content = json.loads((self._loader.folder / STATE_FILE).read_bytes())
            trial = Slot(content["trial"]) if content["trial"] else None
            state = _State(trial, bool(content["started"]), {Slot(name) for name in content["bad"]})
        except (OSError, ValueError, KeyError, TypeError):
            return _State(bad={self._default.other})  # an image that is new: nothing was ever written to the other one
        if state.trial is self._default:  # cut after the boot loader's file was written: it is confirmed
            return _State(bad=state.bad - {self._default})
        return state

    def _keep(self, state: _State) -> None:
        self._state = state
        content = {"trial": state.trial, "started": state.started, "bad": sorted(state.bad)}
        replace_file(self._loader.folder / STATE_FILE, json.dumps(content) + "\n")


def slot_of(kernel_line: str) -> Slot | None:
    """
    >>> slot_of("ro rauc.slot=B quiet")
    <Slot.B: 'B'>
    """
    match = re.search(r"(?:^|\s)rauc\.slot=([AB])(?:\s|$)", kernel_line)
    return Slot(match[1]) if match else None


def main(argv: Sequence[str] | None = None, loader: BootLoader | None = None, notes: Path = NOTES) -> int:
    """Run one command of RAUC's; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        slots = Slots(loader or boot_loader(), slot_of(KERNEL_LINE.read_text()))
        return _run(slots, arguments, notes)
    except (SlotRefusedError, OSError) as error:
        print(f"kortkiosk-slots: {error}", file=sys.stderr)
        return 1


def _run(slots: Slots, arguments: argparse.Namespace, notes: Path) -> int:
    match arguments.command:
        case "get-primary":
            print(slots.primary())
        case "set-primary":
            slots.set_primary(arguments.slot)
        case "get-state":
            print("good" if slots.is_good(arguments.slot) else "bad")
        case "set-state" if arguments.state == "good":
            slots.mark_good(arguments.slot)
        case "set-state":
            slots.mark_bad(arguments.slot)
        case "get-current" if slots.current is not None:
            print(slots.current)
        case "is-trial" if slots.trial is not None and slots.trial is slots.current:
            return 0
        case "note-start":
            _note(slots, notes)
        case "note-up":
            slots.note_up()
        case _:
            return 1
    return 0


def _note(slots: Slots, notes: Path) -> None:
    if notes.exists():  # this start is noted: the service was started once more
        return
    notes.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(slots.note_start()))
    print(text)  # in the journal too, which a fleet can ask for
    files.write_file(notes, text.encode(), files.PUBLIC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kortkiosk-slots", description="boot loader back end of RAUC")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("get-primary", "get-current", "note-start", "note-up", "is-trial"):
        commands.add_parser(name)
    for name in ("set-primary", "get-state", "set-state"):
        command: Any = commands.add_parser(name)
        command.add_argument("slot", type=Slot)
        if name == "set-state":
            command.add_argument("state", choices=("good", "bad"))
    return parser


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
