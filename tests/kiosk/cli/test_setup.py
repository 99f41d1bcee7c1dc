"""`kortkiosk setup` against a whole fleet server: a blank folder becomes a station that it answers, by real keys and TLS."""

import asyncio
import json
import os
import pty
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fleet.agent.link import Timing
from kiosk.cli import Exit, main
from kiosk.cli.setup import make_assistant
from kiosk.config import Config, load
from kiosk.first_boot.progress import is_setup_due
from kiosk.station.build import open_station
from kiosk.station.build_fleet import lock_folder
from kiosk.station.reset import MARKER, begin_erasing
from provisioning.est.client import EnrolledIdentity, enrol
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.nmcli import FakeNetworkManager
from tests.fakes.server.enrolment_desk import Desk, fleet_with_desk
from tests.fakes.station.visitor import Visitor


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with fleet_with_desk(tmp_path) as opened:
        yield opened


def plan_file(folder: Path, content: str) -> Path:
    file = folder / "setup.toml"
    file.write_text(content)
    file.chmod(0o600)
    return file


@pytest.mark.broker
async def test_a_blank_station_is_set_up_by_file_and_goes_into_service(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin").mkdir()
    manager = FakeNetworkManager(tmp_path / "bin", monkeypatch, {"end0": "ethernet"})
    settings = '[settings.station]\ntitle = "Entré A"\n[settings.printer]\nkind = "virtual"\n'
    text = f'[claim]\ntext = "{desk.claim("entre-a")}"\n[network]\nmethod = "dhcp"\n{settings}'
    config, plan = tmp_path / "station/station.toml", plan_file(tmp_path, text)
    arguments = ["setup", "--config", str(config), "--file", str(plan), "--json"]

    def impatient(*claim: Any, **how: Any) -> EnrolledIdentity:
        return enrol(*claim, **{**how, "sleep": lambda _seconds: time.sleep(0.1)})

    monkeypatch.setattr("kiosk.first_boot.assistant.enrol", impatient)

    running = asyncio.create_task(asyncio.to_thread(main, arguments))
    async with asyncio.timeout(LIMIT_S):
        while not running.done() and not await asyncio.to_thread(desk.approve, "entre-a"):  # noqa: ASYNC110  # a store: no event
            await asyncio.sleep(0.05)
    code, said = await running, lines(capsys)
    assert code == Exit.DONE, said
    waiting = next(line for line in said if line["outcome"] == "waiting")
    assert [(line.get("step"), line["outcome"]) for line in said if line is not waiting] == [
        ("settings", "done"), ("network", "done"), ("claim", "done"), ("devices", "done"), ("time", "done"),
        (None, "ready"),
    ]  # fmt: skip
    assert waiting["station"] == "entre-a"
    (printer,) = next(line["devices"] for line in said if line.get("step") == "devices")
    assert (printer["name"], printer["text"]) == ("virtual printer", "it prints; the test page is printed")
    assert manager.up == ["kortkiosk"]

    assert await asyncio.to_thread(main, arguments) == Exit.DONE
    assert {line["outcome"] for line in lines(capsys)} == {"kept", "ready"}

    async with open_station(load(config), config.parent, Visitor(), timing=Timing(first_s=0.0)) as station:
        assert station.fleet is not None
        async with asyncio.timeout(LIMIT_S):
            while not station.fleet.link.online or await station.records.depth():  # noqa: ASYNC110
                await asyncio.sleep(0.05)


def test_what_cannot_be_done_is_said_with_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, plan = tmp_path / "station.toml", plan_file(tmp_path, "")
    arguments = ["setup", "--config", str(config), "--file", str(plan)]
    assert main([*arguments[:-1], str(tmp_path / "nowhere.toml")]) == Exit.BAD_INPUT
    assert main(arguments) == Exit.BAD_INPUT
    assert "kortkiosk setup: settings: there is no" in capsys.readouterr().err
    config.write_text("")
    with lock_folder(tmp_path / "data"):
        assert main(arguments) == Exit.REFUSED
    code = "0123-4567-89AB-CDEF-GHJK"
    plan_file(tmp_path, f'[claim]\nserver = "https://localhost:1"\nstation = "entre-a"\ncode = "{code}"')
    assert main([*arguments, "--json"]) == Exit.FAULT
    said = capsys.readouterr().out
    assert [(line["step"], line["outcome"]) for line in map(json.loads, said.splitlines())] == [
        ("settings", "kept"), ("network", "skipped"), ("claim", "failed"),
    ]  # fmt: skip
    assert code not in said


TYPED = "https://localhost:1\nentre-a\n0123456789abcdefghjk\n"
SCANNED = "kortkiosk:claim?server=https://localhost:1&station=entre-a&code=0123456789ABCDEFGHJK\n"


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (TYPED, Exit.FAULT, "localhost:1 does not answer"),
        (SCANNED, Exit.FAULT, "localhost:1 does not answer"),
        ("https://localhost:1\nentre-a\n0123\n", Exit.BAD_INPUT, "a claim code is 5 groups"),
        ("\x04", Exit.BAD_INPUT, "there is no claim"),
    ],
)
def test_who_is_at_the_terminal_is_asked_for_the_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    typed: str, code: Exit, said: str,
) -> None:  # fmt: skip
    config = tmp_path / "station.toml"
    config.write_text("")
    person, terminal = pty.openpty()
    try:
        os.write(person, typed.encode())
        with os.fdopen(terminal) as opened:
            monkeypatch.setattr("sys.stdin", opened)
            assert main(["setup", "--config", str(config)]) == code
    finally:
        os.close(person)
    out, err = capsys.readouterr()
    assert said in err
    assert "0123" not in out + err


def test_a_reset_that_was_cut_off_is_ended_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, plan = tmp_path / "station/station.toml", plan_file(tmp_path, "")
    kept = config.parent / "data/setup.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    config.write_text("")
    begin_erasing(config.parent)
    assert main(["setup", "--config", str(config), "--file", str(plan)]) == Exit.BAD_INPUT
    assert "there is no claim" in capsys.readouterr().err
    assert not (config.parent / MARKER).exists()


def test_the_assistant_opens_where_nothing_was_set_up_and_goes_on_until_it_is_finished(tmp_path: Path) -> None:
    config = tmp_path / "station/station.toml"
    assert is_setup_due(config)
    make_assistant(config).write_settings(Config())
    assert is_setup_due(config), "it was begun"
    make_assistant(config).finish()
    assert not is_setup_due(config), "a station without fleet, as on a bench"
    config.write_text("[station]\nassistant = true\n")
    assert is_setup_due(config)
    assert make_assistant(config).may_write
    (tmp_path / "station/identity").mkdir()
    (tmp_path / "station/identity/station.key").write_text("damaged")
    assert not is_setup_due(config), "what is damaged is shown, and not set up over"
    config.unlink()
    assert not is_setup_due(config), "its settings are lost, and it is no new station"
    config.write_text("[station")
    assert not is_setup_due(config)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
