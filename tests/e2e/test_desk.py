"""Desk mode from an empty folder: one command, the window, a code changed by touch, and what it leaves."""

import asyncio
import sys
from pathlib import Path

import pytest

from kiosk.cli import Exit, main
from kiosk.region import SHIPPED
from kiosk.station.pilot import FILE
from sim.demo.player import Player
from sim.demo.processes import DemoProcess
from sim.demo.run import virtual_display
from sim.demo.story import NEW_PIN, StoryScene, code, move, touch
from sim.reader.personas import person
from sim.stories.patience import LIMIT_S


@pytest.mark.screen
async def test_from_an_empty_folder_to_a_changed_code(tmp_path: Path) -> None:
    someone, folder = person(1), tmp_path / "desk"
    door = folder / "data" / "bench" / "bench.sock"
    command = [sys.executable, "-m", "kiosk.cli", "desk", "--folder", str(folder), "--holder", "virtual"]
    async with virtual_display() as display:
        program = DemoProcess("the desk", command, tmp_path / "log", {"DISPLAY": display})
        await program.start()
        try:
            async with asyncio.timeout(LIMIT_S):
                while not door.exists():  # noqa: ASYNC110  # another program makes it
                    await asyncio.sleep(0.1)
            scenes = (
                StoryScene("home", touch("change_pin")),
                StoryScene("change_pin.insert", move("insert", card="1:old", reader="holder")),
                StoryScene("change_pin.pin", code(someone.old.pin)),
                StoryScene("change_pin.new_pin", code(NEW_PIN)),
                StoryScene("change_pin.repeat_pin", code(NEW_PIN)),
                StoryScene("change_pin.done", touch("end")),
                StoryScene("closing.take_card", move("remove", reader="holder")),
            )
            player = Player(display, door)
            await player.play(scenes)
            await player.await_view("home")
        finally:
            await program.stop()
    written = b"".join(file.read_bytes() for file in (folder / "data").glob("*") if file.is_file())
    assert b"card.change" in written
    naming = (someone.name, someone.hsa_id, someone.old.card_number)
    assert [text for text in naming if text.encode() in written] == []
    assert not (folder / "data" / FILE).exists()


def desk(folder: Path, *options: str) -> int:
    return main(["desk", "--folder", str(folder), "--check", *options])


def test_the_first_start_writes_what_it_was_given_and_says_what_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk(tmp_path, "--administrator", "auto", "--full-screen") == Exit.DONE
    said = capsys.readouterr().err
    assert "trust.anchors" in said
    assert "ID managers" in said
    assert "office: not given" in said
    text = (tmp_path / "station.toml").read_text()
    assert 'holder = "auto"\nadministrator = "auto"' in text
    assert "fullscreen = true" in text
    assert (tmp_path / "region.toml").read_bytes() == (SHIPPED / "pilot.toml").read_bytes()


def test_what_was_written_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk(tmp_path) == Exit.DONE
    before = (tmp_path / "station.toml").read_bytes()
    assert desk(tmp_path, "--holder", "auto") == Exit.DONE, "a restart has the options of the first start"
    assert desk(tmp_path, "--administrator", "auto", "--region", str(SHIPPED / "stockholm.toml")) == Exit.BAD_INPUT
    assert "--administrator, --region: " in capsys.readouterr().err
    assert (tmp_path / "station.toml").read_bytes() == before


def test_a_file_that_is_not_there_is_named_and_nothing_is_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk(tmp_path / "new", "--anchors", str(tmp_path / "none.pem")) == Exit.BAD_INPUT
    assert "none.pem: there is no such file" in capsys.readouterr().err
    assert not (tmp_path / "new" / "station.toml").exists()


def test_a_station_that_closed_itself_is_opened_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk(tmp_path) == Exit.DONE
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILE).write_text("not_genuine")
    assert main(["desk", "--folder", str(tmp_path), "--reopen"]) == Exit.DONE
    assert not (tmp_path / "data" / FILE).exists()
    assert "open again" in capsys.readouterr().out
