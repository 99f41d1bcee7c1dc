"""`kortkiosk card` on PIV cards, applet (C) and token (D), and on a reader with a key pad. In-process."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.reader.program.codes import CodeSource
from drivers.reader.secret import Secret
from kiosk.cli import Exit, card, main
from sim.reader import pinpad as virtual_pad
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pinpad import PadBackend
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot

EC_PERSON = 6
Run = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create(datetime.now(UTC))


@pytest.fixture(params=["C", "D"])
def virtual(authority: TestAuthority, request: pytest.FixtureRequest) -> VirtualCard:
    return VirtualCard.create(person(EC_PERSON).new, authority, datetime.now(UTC), kind=request.param)


@pytest.fixture
def backend(virtual: VirtualCard) -> PadBackend:
    slot = VirtualSlot("Desk 0")
    slot.insert(virtual)
    return PadBackend([slot])


@pytest.fixture
def run(
    backend: PadBackend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    monkeypatch.setattr(card, "PcscBackend", lambda: backend)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*arguments: str) -> tuple[int, Any]:
        code = main(["card", *arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def codes_file(tmp_path: Path) -> Callable[..., str]:
    def write(**codes: str) -> str:
        path = tmp_path / "codes.toml"
        path.write_text("".join(f'{name} = "{code}"\n' for name, code in codes.items()))
        path.chmod(0o600)
        return str(path)

    return write


def test_show_has_the_keys_of_every_card(run: Run, virtual: VirtualCard) -> None:
    code, document = run("show")
    assert code == Exit.DONE
    assert set(document) == {
        "reader", "atr", "kind", "profile", "read_only", "serial", "card_number", "holder", "pins", "certificates",
        "findings", "exchange",
    }  # fmt: skip
    assert document["kind"] == "piv"
    assert document["holder"] == {"name": virtual.persona.name, "hsa_id": virtual.persona.hsa_id}
    assert [(pin["id"], pin["role"]) for pin in document["pins"]] == [("80", "identification"), ("81", "puk")]
    assert [c["id"] for c in document["certificates"]] == ["9a", "9c"], "those that a person uses"


def test_certificates_lists_the_retired_ones_too(run: Run) -> None:
    code, document = run("certificates", "--pem")
    assert code == Exit.DONE
    assert [c["id"] for c in document["certificates"]] == ["9a", "9c", "9d", "9e", "82", "83"]
    assert all(c["pem"].startswith("-----BEGIN CERTIFICATE-----") for c in document["certificates"])


def test_a_forgotten_pin_is_unlocked_and_the_card_tested_with_one_entry(
    run: Run, virtual: VirtualCard, codes_file: Callable[..., str]
) -> None:
    file = codes_file(puk=virtual.persona.puk, new_pin="975318", pin="975318")
    assert run("unblock", "--codes-file", file)[0] == Exit.DONE
    code, tested = run("test", "--codes-file", file)
    assert (code, tested["passed"]) == (Exit.DONE, True)
    assert [(t["purpose"], t["verified"]) for t in tested["tests"]] == [("identification", True), ("signature", True)]


def test_a_pin_is_changed_at_the_readers_own_keys(run: Run, virtual: VirtualCard, backend: PadBackend) -> None:
    backend.typed += [virtual.persona.pin, "975318", "975318"]
    assert run("change-pin")[1]["outcome"] == "accepted"
    backend.typed += ["975318"]
    code, tested = run("test")
    assert (code, tested["passed"]) == (Exit.DONE, True)
    backend.typed += [None]
    code, cancelled = run("test")
    assert (code, cancelled["outcome"], cancelled["status"]) == (Exit.REFUSED, "refused", "6401")


def test_a_pin_is_unlocked_at_the_readers_own_keys(run: Run, virtual: VirtualCard, backend: PadBackend) -> None:
    backend.typed += [virtual.persona.puk, "24681357", "24681357"]
    assert run("unblock")[1]["outcome"] == "accepted"
    backend.typed += ["24681357"]
    assert run("test")[1]["passed"] is True


def test_where_the_readers_keys_cannot_unlock_the_codes_are_typed_at_the_desk(
    run: Run, virtual: VirtualCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter([virtual.persona.puk, "975318"])
    monkeypatch.setattr(CodeSource, "get", lambda *_: Secret(next(typed)))
    monkeypatch.setattr(virtual_pad, "MODIFYING", (0x24,))
    assert run("unblock")[1]["outcome"] == "accepted"
    assert list(typed) == []


def test_codes_in_a_file_go_before_the_pad(run: Run, virtual: VirtualCard, codes_file: Callable[..., str]) -> None:
    code, document = run("change-pin", "--codes-file", codes_file(pin=virtual.persona.pin, new_pin="975318"))
    assert (code, document["outcome"]) == (Exit.DONE, "accepted")
