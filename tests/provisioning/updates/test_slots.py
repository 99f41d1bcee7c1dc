"""The slot program on made-up machines: a switch is tried once, confirmed or given up, and cut at every step it starts."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provisioning.updates import slots as program
from provisioning.updates.boot_loaders import Slot, SystemdBoot
from provisioning.updates.slots import Slots
from tests.fakes.machine.boot_firmware import EfiMachine, Machine, PiMachine

KINDS = {"raspberry pi": PiMachine, "efi": EfiMachine}


@pytest.fixture(params=KINDS)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    made: Machine = KINDS[request.param](tmp_path)
    return made


@pytest.fixture
def run(machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """RAUC's call of the program: what it printed, or `exit N: what it said`."""

    def call(*words: str) -> str:
        line = machine.root / "cmdline"
        line.write_text(machine.kernel_line)
        monkeypatch.setattr(program, "KERNEL_LINE", line)
        code = program.main(words, machine.loader, machine.notes)
        out, err = capsys.readouterr()
        return out.strip() if code == 0 else f"exit {code}: {err.strip()}"

    return call


def _noted(machine: Machine) -> dict[str, Any]:
    notes: dict[str, Any] = json.loads(machine.notes.read_text())
    return notes


def _install(machine: Machine, slot: str, content: str = "second") -> None:
    """As RAUC does it: bad, written, primary."""
    target = Slot(slot)
    running = Slot(machine.running) if machine.running else None
    Slots(machine.loader, running).mark_bad(target)
    machine.slots[slot] = None
    machine.slots[slot] = content
    Slots(machine.loader, running).set_primary(target)


def test_a_new_slot_is_tried_once_and_is_the_default_when_it_is_good(machine: Machine, run: Callable[..., str]) -> None:
    assert (run("get-primary"), run("get-current"), run("get-state", "B")) == ("A", "A", "bad")
    _install(machine, "B")
    assert (run("get-primary"), run("get-state", "B")) == ("B", "good")

    assert machine.reboot() == "B"
    run("note-start")
    assert _noted(machine)["start"] == "trial"
    assert run("is-trial") == ""
    assert run("set-state", "B", "good") == ""
    assert run("is-trial").startswith("exit 1")
    assert machine.lose_power() == "B"
    assert machine.reboot() == "B"


def test_a_slot_that_is_not_confirmed_falls_back_and_is_bad(machine: Machine, run: Callable[..., str]) -> None:
    _install(machine, "B")
    machine.reboot()
    run("note-start")

    assert machine.reboot() == "A"
    run("note-start")
    assert _noted(machine)["start"] == "fell_back"
    assert (run("get-primary"), run("get-state", "B"), run("get-state", "A")) == ("A", "bad", "good")
    run("note-start")
    assert _noted(machine)["start"] == "fell_back", "noted once for each start"


def test_a_slot_that_does_not_start_at_all_leaves_the_old_one(machine: Machine, run: Callable[..., str]) -> None:
    _install(machine, "B")
    machine.slots["B"] = None
    assert machine.reboot() is None, "a kernel that panics"
    assert machine.reboot() == "A"


def test_what_would_leave_nothing_to_start_is_refused(machine: Machine, run: Callable[..., str]) -> None:
    assert run("set-state", "A", "bad").startswith("exit 1")
    _install(machine, "B")
    assert run("set-state", "A", "bad").startswith("exit 1"), "B is on trial"
    machine.reboot()
    run("note-start")
    assert run("set-state", "A", "bad").startswith("exit 1"), "B runs on trial"
    run("set-state", "B", "good")
    assert run("set-state", "B", "bad") == "", "both are good: back to A"
    assert machine.reboot() == "A"


def test_a_slot_on_trial_that_is_made_primary_again_leaves_no_flag_behind(
    machine: Machine, run: Callable[..., str]
) -> None:
    """A flag without a trial once left machines stuck in the boot loader."""
    _install(machine, "B")
    machine.reboot()
    run("note-start")
    run("set-primary", "B")
    assert not machine.loader.is_armed()
    run("set-state", "B", "good")
    run("set-state", "B", "good")
    assert not machine.loader.is_armed()
    assert machine.reboot() == "B"
    run("note-start")
    assert (_noted(machine)["start"], _noted(machine)["problems"]) == ("usual", [])


def test_a_flag_that_nobody_set_is_taken_away_and_said(machine: Machine, run: Callable[..., str]) -> None:
    machine.slots["B"] = "older"
    machine.loader.arm(Slot.B)
    run("note-start")
    assert "stale_flag" in _noted(machine)["problems"]
    assert not machine.loader.is_armed()

    machine.loader.arm(Slot.B)
    assert machine.reboot() == "B"
    run("note-start")
    assert (_noted(machine)["start"], _noted(machine)["problems"]) == ("unexpected", ["stale_flag"])
    assert machine.reboot() == "A"


def test_a_reboot_that_turns_the_power_off_is_no_fault_of_the_new_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such boards once had slot B marked bad with each update."""
    machine = PiMachine(tmp_path, loses_power=True)
    _install(machine, "B")
    assert machine.reboot() == "A"
    notes = Slots(machine.loader, Slot.A).note_start()
    assert (notes.start, notes.bad, notes.primary) == ("not_started", (), Slot.A)
    assert Slots(machine.loader, Slot.A).is_good(Slot.B)


def test_firmware_that_ignores_the_flag_is_said_and_no_trial_is_begun(tmp_path: Path) -> None:
    machine = PiMachine(tmp_path, obeys=False)
    with pytest.raises(program.SlotRefusedError, match="old_firmware"):
        _install(machine, "B")
    assert machine.reboot() == "A"
    assert Slots(machine.loader, Slot.A).note_start().problems == ("old_firmware",)


def test_the_day_of_the_boot_loader_in_the_eeprom_is_noted(tmp_path: Path) -> None:
    assert Slots(PiMachine(tmp_path).loader, Slot.A).note_start().loader == "2023-01-11"


@pytest.mark.parametrize(
    ("seen", "told"), [("0x0", False), ("0x50005", True), ("0x4", False), ("", False), ("x", False)]
)
def test_a_supply_that_was_too_weak_is_said(seen: str, told: bool, tmp_path: Path) -> None:
    (tmp_path / "throttled").write_text(f"{seen}\n")
    loader = replace(PiMachine(tmp_path).loader, throttled=tmp_path / "throttled")
    assert ("undervoltage" in loader.problems(Slot.A)) is told


def test_a_kernel_line_of_another_partition_than_the_firmware_started_confirms_nothing(tmp_path: Path) -> None:
    machine = PiMachine(tmp_path)
    _install(machine, "B")
    machine.lose_power()
    slots = Slots(machine.loader, Slot.B)
    slots.note_start()
    with pytest.raises(program.SlotRefusedError, match="not what the firmware"):
        slots.mark_good(Slot.B)
    assert machine.reboot() == "A"


def test_the_variables_are_systemd_s_own(tmp_path: Path) -> None:
    """As Debian's library names them, for `bootctl` and the boot manager that it installs."""
    libraries = sorted(Path("/usr/lib").glob("*/systemd/libsystemd-shared-*.so"))
    if not libraries:
        pytest.skip("systemd is not installed")
    (tmp_path / "efivars").mkdir()
    SystemdBoot(tmp_path, tmp_path / "efivars").arm(Slot.B)
    (variable,) = (tmp_path / "efivars").iterdir()
    _, _, vendor = variable.name.partition("-")
    known = vendor.encode() in libraries[-1].read_bytes()
    assert known, vendor


def test_a_variable_that_overrides_the_default_is_said(tmp_path: Path) -> None:
    machine = EfiMachine(tmp_path)
    (tmp_path / "efivars" / "LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f").write_bytes(b"")
    with pytest.raises(program.SlotRefusedError, match="default_overridden"):
        _install(machine, "B")


def test_a_confirmed_slot_starts_without_a_menu(tmp_path: Path) -> None:
    """As the image came: a menu that a key opened would wait for another."""
    machine = EfiMachine(tmp_path)
    _before("confirm", machine)
    STEPS["confirm"](machine)
    assert (machine.boot / "loader/loader.conf").read_text().splitlines() == [
        "timeout menu-disabled", "editor no", "auto-firmware no", "secure-boot-enroll force", "default kortkiosk-b.efi",
    ]  # fmt: skip


def test_a_torn_file_of_states_is_as_new(machine: Machine, run: Callable[..., str]) -> None:
    for torn in ("", "{", '{"trial": "C", "started": false, "bad": []}', "[]", "null"):
        (machine.boot / program.STATE_FILE).write_text(torn)
        assert (run("get-primary"), run("get-state", "A"), run("get-state", "B")) == ("A", "good", "bad")


class PowerCut(BaseException):
    """Nothing is done from here on."""


class Fat:
    """What is on the medium of a boot folder, as Linux writes FAT: a renamed entry is told with the file itself where its content
    lies. Where only its folder was written, it points at what the name had before, and that is free."""

    def __init__(self) -> None:
        self._fsync, self._replace = os.fsync, Path.replace
        self._before: dict[Path, bytes | None] = {}
        self._torn: set[Path] = set()

    def replace(self, source: Path, target: Path) -> None:
        self._before.setdefault(target, target.read_bytes() if target.exists() else None)
        self._replace(source, target)

    def fsync(self, handle: int) -> None:
        self._fsync(handle)
        written = os.fstat(handle).st_ino
        for target in list(self._before):
            if target.stat().st_ino == written:
                del self._before[target]
                self._torn.discard(target)
            elif target.parent.stat().st_ino == written:
                self._torn.add(target)

    def lose_power(self) -> None:
        for target, before in self._before.items():
            target.unlink()
            if target in self._torn or before is not None:
                target.write_bytes(b"" if target in self._torn or before is None else before)


def _cut_at(number: int, after: bool, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> bool:
    """Do the work with the power cut at that write. `after`: a rename was done, and its old name is still there."""
    count = 0
    fat = Fat()

    def counting(call: Callable[..., Any], half: Callable[..., Any] | None = None) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count >= number:
                if count == number and after and half is not None:
                    half(*arguments)
                raise PowerCut
            return call(*arguments, **options)

        return counted

    def half_renamed(source: Path, target: Path) -> None:
        content = source.read_bytes()
        fat.replace(source, target)
        source.write_bytes(content)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", counting(fat.fsync))
        patched.setattr(Path, "unlink", counting(Path.unlink))
        patched.setattr(Path, "write_text", counting(Path.write_text))
        patched.setattr(Path, "replace", counting(fat.replace, half_renamed))
        try:
            work()
        except PowerCut:
            pass
        else:
            return False
    fat.lose_power()
    return True


STEPS: dict[str, Callable[[Machine], object]] = {
    "install": lambda machine: _install(machine, "B"),
    "first start": lambda machine: Slots(machine.loader, Slot.B).note_start(),
    "confirm": lambda machine: Slots(machine.loader, Slot.B).mark_good(Slot.B),
    "fall back": lambda machine: Slots(machine.loader, Slot.A).note_start(),
    "give up": lambda machine: Slots(machine.loader, Slot.B).mark_bad(Slot.B),
}


def _before(step: str, machine: Machine) -> None:
    if step == "install":
        return
    _install(machine, "B")
    machine.reboot()
    if step == "first start":
        return
    Slots(machine.loader, Slot.B).note_start()
    if step == "fall back":
        machine.reboot()


@pytest.mark.parametrize("after", [False, True], ids=["before", "half done"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_cut_at_every_write_one_of_the_two_starts_and_the_next_update_goes_well(
    kind: str, step: str, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 0
    was_cut = True
    while was_cut:
        number += 1
        machine = KINDS[kind](tmp_path / str(number))
        _before(step, machine)
        was_cut = _cut_at(number, after, monkeypatch, lambda machine=machine: STEPS[step](machine))  # type: ignore[misc]

        came_up = machine.lose_power()
        assert came_up is not None, f"cut {number}: nothing starts"
        notes = Slots(machine.loader, Slot(came_up)).note_start()
        assert notes.start != "unexpected", f"cut {number}: {notes}"
        if notes.start == "trial":
            Slots(machine.loader, Slot(came_up)).mark_good(Slot(came_up))
        _install(machine, "A" if came_up == "B" else "B", "third")
        assert machine.slots[machine.reboot() or ""] == "third"
        slots = Slots(machine.loader, Slot(machine.running or ""))
        assert slots.note_start().start == "trial"
        slots.mark_good(Slot(machine.running or ""))
        assert machine.slots[machine.lose_power() or ""] == "third"
    assert number > 1, "no write was cut"
