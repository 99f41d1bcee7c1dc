"""Rogue hands at the station: a key injector in a USB port, somebody who closes the window, a look into its memory."""

import asyncio
import os
import pwd
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.keypad.grabbed_keypad import GrabbedKeypad, UsbId
from drivers.reader.card_reader import CardReader, ReaderSettings
from drivers.reader.errors import CardSlowError
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.display import virtual_display
from tests.fakes.machine.input_devices import Desk, Gadget, Info
from tests.fakes.machine.process_memory import places_of
from tests.fakes.machine.step_clock import settle
from tests.fakes.screens.kivy_driver import KivyDriver

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def display() -> Iterator[str]:
    with virtual_display() as display:
        yield display


@pytest.fixture(scope="module")
def driver() -> Iterator[KivyDriver]:
    """The window as a station in production has it."""
    with virtual_display() as display, KivyDriver(display) as driver:
        yield driver


@pytest.mark.screen
@pytest.mark.parametrize("sample", ["04-envelope-puk", "05-new-pin", "20-printed"])
def test_a_key_injector_types(driver: KivyDriver, sample: str) -> None:
    """A USB device that says to be a keyboard types a code, and Enter."""
    driver.show(sample)
    driver.targets()
    before = driver.call("activity")
    driver.key(*"246813", "KP_1", "KP_2")
    typed = driver.call("typed")
    driver.key("Return")
    driver.types_fast("99990000202600010000")
    assert (typed, driver.call("typed"), driver.call("answered")) == (0, 0, False)
    assert driver.call("activity") == before, "nor does it keep an errand from its time-out"
    driver.call("press", key="2")
    assert driver.call("typed") == 1, "a keypad that is listed does"


async def test_an_injector_copies_the_listed_keypad() -> None:
    """A USB device that says to be the very keypad that the station lists types a code."""
    usb = "usb-0000:01:00.0-1"
    gadgets = [
        Gadget(name, Info(0x04D9, 0xA088), phys=f"{usb}.{port}/input0") for port, name in enumerate(("pad", "copy"))
    ]
    heard: list[str] = []

    async def listen() -> None:
        async for key in GrabbedKeypad(UsbId(0x04D9, 0xA088), Desk(*gadgets).inputs).keys():
            heard.append(key)

    listening = asyncio.ensure_future(listen())
    await settle()
    for gadget in gadgets:
        gadget.press((2, 1), (3, 1), (28, 1))
    await settle()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert heard == []


@pytest.mark.screen
def test_somebody_closes_the_window(display: str) -> None:
    """The window is asked to close, as by Alt-F4, in the middle of an errand."""
    with KivyDriver(display) as driver:
        driver.show("04-envelope-puk")
        ask_to_close(display)
        driver.touch("key:2")
        assert driver.call("typed") == 1


@pytest.mark.screen
def test_somebody_closes_the_stations_program(display: str, tmp_path: Path) -> None:
    """The program of a station is asked to close its window, and its keys to end it."""
    (tmp_path / "station.toml").write_text("[display]\nfullscreen = false\n")
    command = [sys.executable, "-m", "kiosk.cli", "run", "--config", str(tmp_path / "station.toml")]
    environment = {**os.environ, "DISPLAY": display}
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as program:
        try:
            ask_to_close(display)
            xdotool(display, "key", "ctrl+c", "ctrl+q", "ctrl+w", "Escape", "F1", "F11", "Print")
            with pytest.raises(subprocess.TimeoutExpired):
                program.wait(3)
        finally:
            program.send_signal(signal.SIGTERM)
            code = program.wait(LIMIT_S)
    assert code == 0, "who may end it, ends it"


@pytest.mark.screen
def test_a_typed_code_is_looked_for_in_memory() -> None:
    """Somebody with rights on the machine looks through the station's memory for the code of an errand that was abandoned."""
    digits = fresh_digits()
    with virtual_display() as display, KivyDriver(display) as driver:
        driver.show("05-new-pin")
        for digit in digits:
            driver.touch(f"key:{digit}")
        code = "".join(digits).encode()
        assert len(places_of(driver.pid, code)) == 1, "it is found while it is typed, in one place"
        driver.touch("submit")
        assert driver.answer() == {"digits": 8}
        driver.call("forget_answer")
        assert places_of(driver.pid, code) == []


@pytest.mark.parametrize("program", ["station", "verifier"])
def test_a_process_of_the_same_user_reads_the_memory(program: str, tmp_path: Path) -> None:
    """Another process of the station's own user reads its memory with the codes in it, as a debugger would."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    uid = pwd.getpwnam("nobody").pw_uid
    with subprocess.Popen(
        [sys.executable, "-c", HELD[program]], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        user=uid, group=uid, extra_groups=[], env={**os.environ, "HOME": str(tmp_path)},
    ) as held:  # fmt: skip
        assert held.stdout is not None
        assert held.stdout.readline() == b"ready\n"
        looking = [sys.executable, "-c", f"open('/proc/{held.pid}/mem', 'rb')"]
        looked = subprocess.run(
            looking, user=uid, group=uid, extra_groups=[], capture_output=True, text=True, timeout=LIMIT_S
        )
        held.communicate(timeout=LIMIT_S)
    assert "PermissionError" in looked.stderr


_WAIT = "print('ready', flush=True); input()"
HELD = {
    "station": (
        "import kiosk.cli as c, argparse; p = argparse.ArgumentParser();"
        f"c._parser = lambda _: p; p.set_defaults(func=lambda _: exec({_WAIT!r}) or 0); c.main([])"
    ),
    "verifier": (
        "import fleet.server.verifier.__main__ as m;"
        f"m.Keys.load = classmethod(lambda *_: exec({_WAIT!r}) or exit()); m.main(['.', '.'])"
    ),
}
"""Each program held where it has begun: what it does at its start is done."""


def fresh_digits() -> list[str]:
    """Eight that break no rule of new codes, and that no other test has."""
    while True:
        digits = [str(secrets.randbelow(10)) for _ in range(8)]
        if len(set(digits)) > 5:
            return digits


class SlowCard:
    """A card that is right in all it says, and lets 9.9 s pass before each answer: just less than a card may be mute."""

    def __init__(self, card: VirtualCard) -> None:
        self._card = card
        self.now_s = 0.0
        self.answers = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._card, name)

    def transmit(self, apdu: bytes) -> bytes:
        self.now_s += 9.9
        self.answers += 1
        return self._card.transmit(apdu)


async def test_a_card_that_answers_slowly_holds_the_station() -> None:
    """A card that answers each command in 9.9 s holds the station at a screen that nobody can leave."""
    at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    slot = VirtualSlot("Bench 0")
    card = SlowCard(VirtualCard.create(person(6).new, TestAuthority.create(at), at))
    slot.insert(card)  # type: ignore[arg-type]
    settings = ReaderSettings(now=lambda: at, monotonic=lambda: card.now_s)
    reader = CardReader(InProcessBackend([slot]), slot.name, settings)
    with pytest.raises(CardSlowError):
        await reader.visit()
    assert card.now_s < 135
    await reader.close()


def ask_to_close(display: str) -> None:
    """Three times, as a window manager does."""
    window = xdotool(display, "search", "--sync", "--onlyvisible", "--class", ".").split()[0]
    environment = {**os.environ, "DISPLAY": display}
    asking = [sys.executable, "-m", "tests.fakes.screens.closing", window, "3"]
    subprocess.run(asking, env=environment, cwd=ROOT, check=True, timeout=LIMIT_S)


def xdotool(display: str, *arguments: str) -> str:
    environment = {**os.environ, "DISPLAY": display}
    done = subprocess.run(
        ["xdotool", *arguments], env=environment, check=True, timeout=LIMIT_S, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
