"""The counter of starts, as the initial RAM disk runs it, in made-up boot folders: when a slot gives way, and cuts on the way."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from image import guard, layout
from provisioning.updates.boot_loaders import RaspberryPi, Slot, SystemdBoot
from provisioning.updates.slots import STARTS_FILE, STATE_FILE, Slots

COUNTER = guard.HERE / "count-start"
GIVES_WAY = 3
Start = Callable[..., int]


@pytest.fixture(params=["raspberry pi", "efi"])
def loader(request: pytest.FixtureRequest, tmp_path: Path) -> RaspberryPi | SystemdBoot:
    """A boot folder whose default is slot A; both slots are good."""
    none = tmp_path / "none"
    made = RaspberryPi(tmp_path, none, none) if request.param == "raspberry pi" else SystemdBoot(tmp_path, none)
    made.write_default(Slot.A)
    write_state(tmp_path)
    return made


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """One start of a slot: the exit code of the counter."""

    def run(slot: str, *before: str) -> int:
        line = layout.kernel_line("a" if slot == "A" else "b", "00")
        return subprocess.run([*before, COUNTER, line, tmp_path], check=False).returncode

    return run


def write_state(folder: Path, *bad: str, trial: str | None = None) -> None:
    (folder / STATE_FILE).write_text(json.dumps({"trial": trial, "started": trial is not None, "bad": bad}) + "\n")


def test_a_default_slot_that_failed_three_times_gives_way(loader: RaspberryPi | SystemdBoot, start: Start) -> None:
    assert [start("A") for _ in range(4)] == [0, 0, 0, GIVES_WAY]
    assert loader.default_slot() is Slot.B
    assert start("B") == 0
    slots = Slots(loader, Slot.B)
    assert slots.note_start().problems[-1] == "gave_way", "it is told until the station runs"
    slots.note_up()
    assert "gave_way" not in slots.note_start().problems


def test_the_other_slot_gives_way_in_its_turn(loader: RaspberryPi | SystemdBoot, start: Start) -> None:
    for slot in "ABA":
        assert [start(slot) for _ in range(4)] == [0, 0, 0, GIVES_WAY]
    assert loader.default_slot() is Slot.B


def test_what_the_counter_writes_is_what_the_slot_program_writes(
    loader: RaspberryPi | SystemdBoot, start: Start, tmp_path: Path
) -> None:
    for _ in range(4):
        start("A")
    file = tmp_path / ("autoboot.txt" if isinstance(loader, RaspberryPi) else "loader/loader.conf")
    by_counter = file.read_text()
    loader.write_default(Slot.B)
    assert file.read_text() == by_counter


def test_a_start_that_went_well_counts_from_zero(loader: RaspberryPi | SystemdBoot, start: Start) -> None:
    for _ in range(3):
        assert [start("A") for _ in range(3)] == [0, 0, 0]
        Slots(loader, Slot.A).note_up()
    assert loader.default_slot() is Slot.A


def test_a_slot_on_trial_has_two_starts_and_counts_until_it_is_good(
    loader: RaspberryPi | SystemdBoot, start: Start, tmp_path: Path
) -> None:
    write_state(tmp_path, trial="B")
    assert start("B") == 0
    Slots(loader, Slot.B).note_up()
    assert [start("B"), start("B")] == [0, GIVES_WAY], "its station ran, and nobody has confirmed it"
    assert loader.default_slot() is Slot.A
    assert start("B") == 0
    Slots(loader, Slot.B).mark_good(Slot.B)
    assert not (tmp_path / STARTS_FILE).exists()


@pytest.mark.parametrize("state", ["bad", "new", "torn"])
def test_nothing_gives_way_to_a_slot_that_is_not_known_to_start(
    state: str, loader: RaspberryPi | SystemdBoot, start: Start, tmp_path: Path
) -> None:
    if state == "bad":
        write_state(tmp_path, "B")
    elif state == "new":
        (tmp_path / STATE_FILE).unlink()
    else:
        (tmp_path / STATE_FILE).write_bytes(b'{"trial": nu')
    assert [start("A") for _ in range(6)] == [0] * 6
    assert loader.default_slot() is Slot.A


@pytest.mark.parametrize("content", [b"", b"A", b"A x B", b"\0\0\0\0", b"A 99999999999999999999\n", b"B 3\n"])
def test_a_count_that_is_torn_begins_anew(
    content: bytes, loader: RaspberryPi | SystemdBoot, start: Start, tmp_path: Path
) -> None:
    (tmp_path / STARTS_FILE).write_bytes(content)
    assert start("A") == 0
    assert (tmp_path / STARTS_FILE).read_text().split() == ["A", "1"]


def test_a_cut_at_any_step_leaves_a_slot_to_start(
    loader: RaspberryPi | SystemdBoot, start: Start, tmp_path: Path
) -> None:
    """The programs that write (sync, mv) end the counter at their nth call, as a power cut does."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sync", "mv"):
        (programs / name).write_text(
            '#!/bin/sh\necho >>"$CALLS"\n'
            '[ "$(wc -l <"$CALLS")" != "$CUT" ] || { kill -9 $PPID; exit; }\n'
            f'exec /usr/bin/{name} "$@"\n'
        )
        (programs / name).chmod(0o755)
    for cut in range(1, 7):
        loader.write_default(Slot.A)
        (tmp_path / STARTS_FILE).write_text("A 3 \n")
        (tmp_path / "calls").write_text("")
        path = f"PATH={programs}:/usr/bin:/bin"
        assert start("A", "env", path, f"CUT={cut}", f"CALLS={tmp_path / 'calls'}") in (-9, 137), cut
        default = loader.default_slot()
        assert default is not None, cut
        assert start(default) == (GIVES_WAY if default is Slot.A else 0), "it goes on where it was cut"
        assert loader.default_slot() is Slot.B


def test_a_boot_folder_that_takes_nothing_starts_what_there_is(start: Start, tmp_path: Path) -> None:
    write_state(tmp_path)
    (tmp_path / STARTS_FILE).write_text("A 3 \n")
    (tmp_path / f"{STARTS_FILE}.new").mkdir()
    assert start("A") != GIVES_WAY


def test_a_machine_without_slots_counts_nothing(tmp_path: Path) -> None:
    assert subprocess.run([COUNTER, "ro quiet", tmp_path], check=False).returncode == 0
    assert list(tmp_path.iterdir()) == []
