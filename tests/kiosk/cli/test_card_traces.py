"""`kortkiosk card record` and `replay`: on the virtual kinds, and on a card of no known kind (in-process)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kiosk.cli import Exit, card_traces, main
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot

EC_PERSON = 6
Say = Callable[..., tuple[int, Any]]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(private)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "keys.pem").write_bytes(public)

    def run(action: str, *more: str) -> tuple[int, Any]:
        keys = ("--key", str(tmp_path / "key.pem")) if action == "record" else ("--keys", str(tmp_path / "keys.pem"))
        code = main(["card", action, str(tmp_path / "card.trace"), *keys, "--json", *more])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return run


@pytest.mark.parametrize("kind", "ABCD")
def test_a_card_is_recorded_and_its_twin_shown_and_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say, kind: str
) -> None:
    now = datetime.now(UTC)
    card = VirtualCard.create(person(EC_PERSON).new, TestAuthority.create(now), now, kind=kind)
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    monkeypatch.setattr(card_traces, "PcscBackend", lambda: InProcessBackend([slot]))
    codes = tmp_path / "codes.toml"
    codes.touch(mode=0o600)
    codes.write_text(f'pin = "{card.persona.pin}"\n')
    code, told = say("record", "--code", "--codes-file", str(codes))
    assert (code, told["profile"], told["signatures"]) == (Exit.DONE, f"virtual-{kind.lower()}", 2)
    counted = (tmp_path / "state" / "kortkiosk" / "tries.json").read_bytes()
    assert say("record")[1]["text"].endswith("card.trace is there already")
    code, shown = say("replay")
    assert (code, shown["profile"], shown["holder"]["name"] != card.persona.name) == (Exit.DONE, told["profile"], True)
    code, tested = say("replay", "--code")
    assert code == Exit.DONE
    assert [one["verified"] for one in tested["tests"]] == [True, True]
    assert (tmp_path / "state" / "kortkiosk" / "tries.json").read_bytes() == counted
    (tmp_path / "card.trace").write_bytes(b"{}")
    assert say("replay")[0] == Exit.REFUSED


class Stranger:
    """A card of no known kind, which tells a name where nobody asked for one."""

    atr, protocol = bytes.fromhex("3B021450"), "T=0"

    def power_on(self) -> bytes:
        return self.atr

    def power_off(self) -> None: ...

    def reset(self) -> bytes:
        return self.atr

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[1] == 0xA4:
            return b"\x6f\x02\x82\x00\x90\x00" if apdu[-2:] == b"\x3f\x00" else b"\x6a\x82"
        return b"Made Up Person\x90\x00"


def test_a_card_that_nobody_knows_has_a_trace_too_of_what_select_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    slot = VirtualSlot("Bench 0")
    slot.insert(Stranger())  # type: ignore[arg-type]
    monkeypatch.setattr(card_traces, "PcscBackend", lambda: InProcessBackend([slot]))
    code, told = say("record")
    assert (code, told["profile"], told["signatures"]) == (Exit.DONE, "", 0)
    assert b"Made Up".hex() not in (tmp_path / "card.trace").read_text()
    code, shown = say("replay")
    assert (code, shown["kind"], shown["atr"]) == (Exit.REFUSED, "unknown", told["atr"])
    (tmp_path / "card.trace").unlink()
    (tmp_path / "card.trace.jws").unlink()
    codes = tmp_path / "codes.toml"
    codes.touch(mode=0o600)
    codes.write_text('pin = "246813"\n')
    assert say("record", "--code", "--codes-file", str(codes))[0] == Exit.REFUSED
    assert not (tmp_path / "card.trace").exists()
