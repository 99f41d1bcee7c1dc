"""`kortkiosk-provision flash`: the image onto a Pico by picotool or by its drive, then the pairing over its port."""

import itertools
import json
import os
import select
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.cabinet import firmware_image as images
from drivers.cabinet.firmware_image import Image
from drivers.cabinet.messages import FIRMWARE
from drivers.cabinet.pairing import Pairing
from drivers.cabinet.serial_link import FoundBoard, SerialLine
from drivers.reader.secret import Secret
from provisioning import cli as commands
from provisioning import flash, pico
from sim.stories.patience import LIMIT_S
from tests.fakes.cabinet.unpaired_board import BOARD, NewBoard, on_a_terminal
from tests.provisioning.conftest import Program

THEIRS = "a5" * 32
VERSION = ".".join(map(str, FIRMWARE))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as an image of the version wanted."""
    monkeypatch.setattr(flash, "read_image", lambda content: Image(FIRMWARE, "0" * 64, len(content)))
    path = tmp_path / "cabinet.uf2"
    path.write_bytes(b"made-up image")
    return path


@pytest.fixture
def board() -> NewBoard:
    return NewBoard()


@pytest.fixture
def port(board: NewBoard) -> Iterator[str]:
    with on_a_terminal(board) as path:
        yield path


class Picotool:
    """A program on the path that notes how it was called, says something and ends as it is told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ends(0, "The device was rebooted to start the application.")

    def ends(self, code: int, said: str) -> None:
        program = self._folder / "picotool"
        program.write_text(f'#!/bin/sh\necho "$@" >> "{self._folder}/called"\necho "{said}"\nexit {code}\n')
        program.chmod(0o755)

    @property
    def called(self) -> list[str]:
        path = self._folder / "called"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def picotool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Picotool:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return Picotool(folder)


@pytest.fixture
def no_picotool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_new_board_is_written_verified_and_paired(
    run: Program, picotool: Picotool, image: Path, board: NewBoard, port: str, tmp_path: Path
) -> None:
    key = tmp_path / "cabinet.json"
    said = run.object("flash", image, "--key", key, "--port", port)
    assert said == {"board": BOARD, "firmware": VERSION, "port": port, "new_key": True, "key": str(key)}
    assert picotool.called == [f"load --verify --execute {image} -t uf2"]
    assert Pairing.load(key).key_bytes() == board.key
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("cabinet.json*")] == ["cabinet.json"]


def test_the_key_is_said_nowhere(
    run: Program, picotool: Picotool, image: Path, board: NewBoard, port: str, tmp_path: Path
) -> None:
    assert run("flash", image, "--key", tmp_path / "cabinet.json", "--port", port) == 0
    assert board.key is not None
    assert run.said == f"Board {BOARD} on {port} runs firmware {VERSION}; its key is now in {tmp_path}/cabinet.json\n"
    assert board.key.hex() not in "".join(picotool.called)


def test_a_board_that_is_updated_keeps_its_key(
    run: Program, picotool: Picotool, image: Path, board: NewBoard, port: str, tmp_path: Path
) -> None:
    key = tmp_path / "cabinet.json"
    board.key = bytes.fromhex(THEIRS)
    Pairing(BOARD, Secret(THEIRS)).save(key)
    assert run.object("flash", image, "--key", key, "--port", port)["new_key"] is False
    assert Pairing.load(key).key == Secret(THEIRS)
    assert board.key == bytes.fromhex(THEIRS)


def test_a_pairing_that_broke_off_is_taken_up_with_the_same_key(
    run: Program, image: Path, board: NewBoard, port: str, tmp_path: Path
) -> None:
    key = tmp_path / "cabinet.json"
    board.key = bytes.fromhex(THEIRS)
    Pairing("0" * 16, Secret(THEIRS)).save(tmp_path / "cabinet.json.new")
    assert run.object("flash", image, "--key", key, "--port", port, "--pair-only")["new_key"] is True
    assert Pairing.load(key) == Pairing(BOARD, Secret(THEIRS))


async def test_an_answer_that_waited_for_a_busy_program_is_no_silence(
    image: Path, board: NewBoard, port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A station that draws without a GPU comes round to the line when all limits are over; the board has answered meanwhile."""
    line = os.open(port, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    asked: list[bytes] = []
    write = SerialLine.write

    def note(line: SerialLine, data: bytes) -> None:
        write(line, data)
        asked.extend([data] if data else [])

    def busy_clock() -> float:
        if asked:
            assert select.select([line], [], [], LIMIT_S)[0], "the board answers"
            asked.clear()
        return next(late)

    late = itertools.count(0.0, 60.0)
    monkeypatch.setattr(SerialLine, "write", note)
    try:
        access = flash.BoardAccess(load=None, list_ports=tuple, port=port, clock=busy_clock)
        assert (await flash.flash(image, tmp_path / "cabinet.json", access)).new_key
    finally:
        os.close(line)


def test_a_board_with_a_key_of_others_is_refused_and_nothing_is_kept(
    run: Program, picotool: Picotool, image: Path, board: NewBoard, port: str, tmp_path: Path
) -> None:
    board.key = bytes.fromhex(THEIRS)
    assert run("flash", image, "--key", tmp_path / "cabinet.json", "--port", port) == 3
    assert "has another key (PAIRING_CLOSED): hold its service button down" in run.said
    assert not list(tmp_path.glob("cabinet.json*"))


def test_a_board_that_does_not_start_as_the_image_says_is_named(
    run: Program, picotool: Picotool, image: Path, board: NewBoard, port: str, tmp_path: Path
) -> None:
    board.firmware = bytes((0, 9, 1))
    assert run("flash", image, "--key", tmp_path / "cabinet.json", "--port", port) == 4
    assert f"runs firmware 0.9.1, not {VERSION}: load it again" in run.said
    assert board.key is None


@pytest.mark.parametrize(
    ("said", "code", "tells"),
    [
        ("No accessible RP-series devices in BOOTSEL mode were found.", "no_bootsel", "hold the button BOOTSEL"),
        (
            "ERROR: the device returned an error: bad flash",
            "flash_failed",
            "could not write the image: ERROR: the device",
        ),
    ],
)
def test_what_picotool_could_not_do_is_passed_on_with_what_to_do(
    said: str, code: str, tells: str, run: Program, picotool: Picotool, image: Path, tmp_path: Path
) -> None:
    picotool.ends(249, said)
    assert run.object("flash", image, "--key", tmp_path / "cabinet.json")["error"] == code
    assert tells in json.loads(run.said)["text"]
    assert run("flash", image, "--key", tmp_path / "cabinet.json") == 4


def test_an_image_of_another_version_is_not_written(
    run: Program, picotool: Picotool, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash, "read_image", lambda content: Image((0, 9, 1), "0" * 64, 1))
    assert run("flash", image, "--key", tmp_path / "cabinet.json") == 2
    assert f"is firmware 0.9.1; this program needs {VERSION}" in run.said
    monkeypatch.setattr(flash, "read_image", images.read_image)
    assert run("flash", image, "--key", tmp_path / "cabinet.json") == 2
    assert "not a whole UF2 file" in run.said
    assert picotool.called == []


def pico_drive(folder: Path, board: str = "RPI-RP2") -> Path:
    drive = folder / "RPI-RP2"
    drive.mkdir(parents=True)
    (drive / "INFO_UF2.TXT").write_text(f"UF2 Bootloader v3.0\nModel: made up\nBoard-ID: {board}\n")
    return drive


def test_the_image_is_copied_onto_the_drive_that_a_pico_shows(
    run: Program, no_picotool: None, image: Path, port: str, tmp_path: Path
) -> None:
    drive = pico_drive(tmp_path)
    assert run("flash", image, "--key", tmp_path / "cabinet.json", "--port", port, "--drive", drive) == 0
    assert (drive / image.name).read_bytes() == image.read_bytes()


def test_the_drive_of_another_board_is_left_alone(run: Program, image: Path, tmp_path: Path) -> None:
    drive = pico_drive(tmp_path, "RP2350")
    assert run("flash", image, "--key", tmp_path / "cabinet.json", "--drive", drive) == 4
    assert "another board than the Pico" in run.said
    assert run("flash", image, "--key", tmp_path / "cabinet.json", "--drive", tmp_path) == 4
    assert "not the drive of a Pico in BOOTSEL: hold the button BOOTSEL" in run.said
    assert not (drive / image.name).exists()


def test_mounted_drives_are_found_and_two_are_one_too_many(no_picotool: None, image: Path, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("proc /proc proc rw 0 0\n")
    with pytest.raises(pico.FlashError, match="picotool is not installed, and no drive RPI-RP2 is mounted"):
        pico.choose(None, mounts)
    first, second = pico_drive(tmp_path / "a b"), pico_drive(tmp_path / "c")
    mounts.write_text(f"/dev/sdx {str(first).replace(' ', chr(92) + '040')} vfat rw 0 0\n")
    pico.choose(None, mounts)(image)
    assert (first / image.name).exists()
    mounts.write_text(mounts.read_text() + f"/dev/sdy {second} vfat rw 0 0\n")
    with pytest.raises(pico.FlashError, match="two boards are in BOOTSEL"):
        pico.choose(None, mounts)


class Steps:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_the_board_is_waited_for_and_two_are_one_too_many(image: Path, port: str, tmp_path: Path) -> None:
    steps, seen = Steps(), [(), (FoundBoard(port, ""), FoundBoard("/dev/ttyACM9", ""))]
    way = flash.BoardAccess(None, lambda: seen.pop(0), clock=steps, sleep=steps.sleep)
    with pytest.raises(flash.FlashError, match=r"two boards are connected .* name one with --port") as refused:
        await flash.flash(image, tmp_path / "cabinet.json", way)
    assert refused.value.code == "two_boards"
    with pytest.raises(flash.FlashError, match="no board came up on any serial port within 15 s"):
        await flash.flash(
            image, tmp_path / "cabinet.json", flash.BoardAccess(None, tuple, clock=steps, sleep=steps.sleep)
        )
    assert not (tmp_path / "cabinet.json.new").exists()


def test_a_paired_board_is_sent_to_bootsel_without_its_button(
    run: Program, picotool: Picotool, image: Path, board: NewBoard, port: str, tmp_path: Path
) -> None:
    key = tmp_path / "cabinet.json"
    assert run("flash", image, "--key", key, "--port", port, "--restart") == 3
    assert "is missing, so the board cannot be told: hold its button BOOTSEL" in run.said
    Pairing(BOARD, Secret(THEIRS)).save(key)
    assert run("flash", image, "--key", key, "--port", port, "--restart") == 3
    assert "did not obey this key" in run.said
    board.key = bytes.fromhex(THEIRS)
    assert run("flash", image, "--key", key, "--port", port, "--restart") == 0
    assert board.away


def test_a_board_on_its_way_to_bootsel_is_waited_for(image: Path) -> None:
    steps = Steps()
    tries: list[float] = []
    written: list[Path] = []

    def choose() -> pico.Load:
        tries.append(steps.now)
        if len(tries) < 3:
            raise pico.FlashError("no_bootsel", "not yet")
        return written.append

    flash.retry_until_loadable(choose, steps, lambda seconds: setattr(steps, "now", steps.now + seconds))(image)
    assert (len(tries), written) == (3, [image])


def test_every_fault_of_a_board_has_its_exit_code() -> None:
    assert commands.FLASH_CODES == {"bad_image": 2, "pairing_refused": 3, "not_paired": 3}
