"""^C at `kortkiosk card` while the card has a code: what came of it is told, and where nobody knows, that, and what to do."""

import asyncio
import json
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import pytest

from drivers.reader.outcomes import CodeOutcome, Unknown
from drivers.reader.program import deferred_interrupt as interrupting
from kiosk.cli import Exit, card, main
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot

EC_PERSON, NEW_PIN, LIMIT_S = 6, "975318", 60
VERIFY, CHANGE, UNBLOCK = 0x20, 0x24, 0x2C
Heard = Callable[[], None]


def press(what: signal.Signals = signal.SIGINT) -> None:
    """^C, or another signal, at the thread that Python hears signals in."""
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    signal.pthread_kill(main_thread, what)


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create(datetime.now(UTC))


@pytest.fixture
def virtual(authority: TestAuthority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> VirtualCard:
    virtual = VirtualCard.create(person(EC_PERSON).new, authority, datetime.now(UTC))
    slot = VirtualSlot("Desk 0")
    slot.insert(virtual)
    monkeypatch.setattr(card, "PcscBackend", lambda: InProcessBackend([slot]))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return virtual


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """^C, and the program has said that it heard it.

    Python hears a signal late that came right before its loop began to wait, where nothing else happens; another one wakes it."""
    heard = threading.Event()
    usual = signal.signal(signal.SIGUSR1, lambda *_: None)

    def said(*what: str, file: TextIO) -> None:
        print(*what, file=file)
        heard.set()

    monkeypatch.setattr(interrupting, "print", said, raising=False)

    def interrupt() -> None:
        press()
        for _ in range(10 * LIMIT_S):
            if heard.wait(0.1):
                return
            press(signal.SIGUSR1)
        raise AssertionError("^C was not heard")

    yield interrupt
    signal.signal(signal.SIGUSR1, usual)


def at(virtual: VirtualCard, instruction: int, happen: Heard) -> list[int]:
    """Have it happen when the card is given the command with data; every instruction that the card saw afterwards too."""
    real, seen = virtual.transmit, list[int]()

    def transmit(apdu: bytes) -> bytes:
        if apdu[1] == instruction and len(apdu) > 5 and instruction not in seen:
            seen.append(instruction)
            happen()
        elif seen:
            seen.append(apdu[1])
        return real(apdu)

    virtual.transmit = transmit  # type: ignore[method-assign]
    return seen


def codes(tmp_path: Path, **of: str) -> str:
    path = tmp_path / "codes.toml"
    path.write_text("".join(f'{name} = "{code}"\n' for name, code in of.items()))
    path.chmod(0o600)
    return str(path)


def right_codes(virtual: VirtualCard, tmp_path: Path) -> str:
    persona = virtual.persona
    return codes(tmp_path, pin=persona.pin, puk=persona.puk, new_pin=NEW_PIN)


@pytest.mark.parametrize(("action", "instruction"), [("change-pin", CHANGE), ("unblock", UNBLOCK), ("test", VERIFY)])
def test_a_code_that_is_out_is_waited_for_and_what_came_of_it_is_told(
    virtual: VirtualCard, interrupt: Heard, capsys: pytest.CaptureFixture[str], tmp_path: Path, action: str,
    instruction: int,
) -> None:  # fmt: skip
    seen = at(virtual, instruction, interrupt)
    assert main(["card", action, "--codes-file", right_codes(virtual, tmp_path)]) == Exit.INTERRUPTED
    said = capsys.readouterr()
    assert "Interrupted. It was done all the same." in said.out
    assert "waiting for the card's answer" in said.err
    assert seen == [instruction], "nothing more is begun"


def test_a_wrong_code_costs_a_try_and_that_is_told(
    virtual: VirtualCard, interrupt: Heard, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at(virtual, CHANGE, interrupt)
    wrong = codes(tmp_path, pin="111999", new_pin=NEW_PIN)
    assert main(["card", "change-pin", "--codes-file", wrong, "--json"]) == Exit.INTERRUPTED
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["tries_left"]) == ("wrong_code", 2)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_card_that_left_meanwhile_is_unknown_and_says_what_to_do(
    virtual: VirtualCard, interrupt: Heard, capsys: pytest.CaptureFixture[str], tmp_path: Path, as_json: bool
) -> None:
    def leave() -> None:
        interrupt()
        virtual.tear(0, "after")

    at(virtual, CHANGE, leave)
    more = ["--json"] if as_json else []
    assert main(["card", "change-pin", "--codes-file", right_codes(virtual, tmp_path), *more]) == Exit.INTERRUPTED
    out = capsys.readouterr().out
    if as_json:
        assert json.loads(out)["outcome"] == "unknown"
    else:
        assert "nobody knows whether it was done" in out
        assert "Read the card again" in out
        assert "a try may have been used" in out


def test_a_second_one_leaves_without_the_answer(
    virtual: VirtualCard, interrupt: Heard, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def twice() -> None:
        interrupt()
        press()
        assert left.wait(LIMIT_S)

    left, say = threading.Event(), card.say

    def saying(*what: Any) -> None:
        say(*what)
        left.set()

    at(virtual, CHANGE, twice)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(card, "say", saying)
        code = main(["card", "change-pin", "--codes-file", right_codes(virtual, tmp_path)])
    assert code == Exit.INTERRUPTED
    assert "nobody knows whether it was done" in capsys.readouterr().out


def test_one_at_the_prompt_ends_there_and_no_code_goes_out(
    virtual: VirtualCard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        signal.raise_signal(signal.SIGINT)
        return virtual.persona.pin

    seen = at(virtual, CHANGE, lambda: None)
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", typed)
    assert main(["card", "change-pin"]) == Exit.INTERRUPTED
    assert (seen, asked) == ([], ["PIN: "])
    assert "nobody knows" not in capsys.readouterr().out


async def test_one_that_came_before_the_command_sends_no_code() -> None:
    sent: list[str] = []

    async def command() -> CodeOutcome:
        sent.append("code")
        return Unknown()

    async def late() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await interrupting.run_to_end(command())

    with pytest.raises(asyncio.CancelledError):
        await asyncio.ensure_future(late())
    assert sent == []
