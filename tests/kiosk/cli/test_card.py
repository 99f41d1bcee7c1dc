"""`kortkiosk card`, as a person at a desk and a script use it. Virtual cards in an in-process reader."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drivers.reader.errors import NoReaderError
from kiosk.cli import Exit, card, card_parser, main
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.products import product_card
from sim.reader.slot import VirtualSlot

EC_PERSON = 6
Run = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create(datetime.now(UTC))


@pytest.fixture
def virtual(authority: TestAuthority) -> VirtualCard:
    return VirtualCard.create(person(EC_PERSON).new, authority, datetime.now(UTC))


@pytest.fixture
def slots(virtual: VirtualCard) -> list[VirtualSlot]:
    slots = [VirtualSlot("Desk 0"), VirtualSlot("Desk 1")]
    slots[0].insert(virtual)
    return slots


@pytest.fixture
def run(
    slots: list[VirtualSlot], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    for module in (card, card_parser):
        monkeypatch.setattr(module, "PcscBackend", lambda: InProcessBackend(slots))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*arguments: str) -> tuple[int, Any]:
        code = main(["card", *arguments])
        out = capsys.readouterr().out
        return code, json.loads(out) if "--json" in arguments else out

    return run


@pytest.fixture
def codes_file(tmp_path: Path) -> Callable[..., str]:
    def write(mode: int = 0o600, **codes: str) -> str:
        path = tmp_path / "codes.toml"
        path.write_text("".join(f'{name} = "{code}"\n' for name, code in codes.items()))
        path.chmod(mode)
        return str(path)

    return write


def test_list_tells_what_is_in_each_reader(run: Run) -> None:
    code, document = run("list", "--json")
    assert code == Exit.DONE
    assert document == {"readers": [{"name": "Desk 0", "presence": "present"}, {"name": "Desk 1", "presence": "empty"}]}


def test_a_product_that_nobody_has_tried_is_said_to_be_read_only_before_any_code(
    run: Run, slots: list[VirtualSlot], authority: TestAuthority
) -> None:
    slots[0].remove()
    slots[0].insert(product_card("cardos", person(EC_PERSON).new, authority, datetime.now(UTC)))
    code, text = run("show")
    assert (code, "Product      cardos (pkcs15), read-only" in text) == (Exit.DONE, True)
    _, document = run("show", "--json")
    assert document["read_only"]
    assert [(one["code"], one["errand"]) for one in document["findings"]] == [("read_only", None)]
    for action in ("change-pin", "unblock"):  # without a file of codes: none is asked for
        code, document = run(action, "--json")
        assert (code, document["outcome"], document["reason"]) == (Exit.REFUSED, "refused", "not_proved")


def test_show_has_every_documented_key(run: Run, virtual: VirtualCard) -> None:
    code, document = run("show", "--json")
    assert code == Exit.DONE
    assert set(document) == {
        "reader", "atr", "kind", "profile", "read_only", "serial", "card_number", "holder", "pins", "certificates",
        "findings", "exchange",
    }  # fmt: skip
    assert document["holder"] == {"name": virtual.persona.name, "hsa_id": virtual.persona.hsa_id}
    assert set(document["pins"][0]) == {
        "id", "label", "role", "reference", "tries_left", "state", "min_length", "max_length",
    }  # fmt: skip
    assert set(document["certificates"][0]) == {
        "id", "label", "subject", "issuer", "serial", "not_before", "not_after", "purpose", "loa", "chain",
    }  # fmt: skip
    assert set(document["exchange"]) == {"apdus", "bytes_sent", "bytes_received", "ms"}
    assert [c["chain"] for c in document["certificates"]] == ["unchecked", "unchecked"]
    assert document["findings"] == []


def test_anchors_decide_the_chain(run: Run, authority: TestAuthority, tmp_path: Path) -> None:
    authority.save(tmp_path / "ours")
    TestAuthority.create(datetime.now(UTC)).save(tmp_path / "others")
    _, ours = run("show", "--json", "--anchors", str(tmp_path / "ours"))
    assert [c["chain"] for c in ours["certificates"]] == ["ok", "ok"]
    _, others = run("show", "--json", "--anchors", str(tmp_path / "others"))
    assert {f["code"] for f in others["findings"]} == {"chain_untrusted"}
    assert run("show", "--anchors", str(tmp_path / "nowhere"))[0] == Exit.BAD_INPUT


def test_an_expired_card_says_so_and_what_mends_it(
    run: Run, slots: list[VirtualSlot], authority: TestAuthority
) -> None:
    slots[0].remove()
    long_ago = datetime.now(UTC) - timedelta(days=1830)
    slots[0].insert(VirtualCard.create(person(EC_PERSON).new, authority, long_ago))
    _, document = run("show", "--json")
    assert [(f["code"], f["errand"]) for f in document["findings"]] == [
        ("certificate_expired", "renew_certificate")
    ] * 2
    assert [c["chain"] for c in document["certificates"]] == ["expired", "expired"]


def test_a_locked_pin_is_found_unlocked_and_tested(
    run: Run, virtual: VirtualCard, codes_file: Callable[..., str]
) -> None:
    wrong = codes_file(pin="111999")
    outcomes = [run("test", "--codes-file", wrong, "--use-last-try", "--json") for _ in range(3)]
    assert [(code, o["outcome"], o["tries_left"]) for code, o in outcomes] == [
        (Exit.REFUSED, "wrong_code", 2), (Exit.REFUSED, "wrong_code", 1), (Exit.REFUSED, "locked", 0),
    ]  # fmt: skip
    _, shown = run("show", "--json")
    assert [(f["code"], f["errand"]) for f in shown["findings"]] == [("pin_locked", "unblock")]
    mend = codes_file(puk=virtual.persona.puk, new_pin="975318", pin="975318")
    assert run("unblock", "--codes-file", mend)[0] == Exit.DONE
    code, tested = run("test", "--codes-file", mend, "--json")
    assert (code, tested["passed"]) == (Exit.DONE, True)
    assert [t["purpose"] for t in tested["tests"]] == ["identification", "signature"]


def test_the_last_try_is_kept_unless_asked_for(run: Run, virtual: VirtualCard, codes_file: Callable[..., str]) -> None:
    wrong = codes_file(pin="111999", new_pin="975318")
    for _ in range(2):
        run("change-pin", "--codes-file", wrong)
    code, document = run("change-pin", "--codes-file", wrong, "--json")
    assert (code, document["reason"], document["tries_left"]) == (Exit.REFUSED, "last_try", 1)
    assert virtual.tries_left[0] == 1


@pytest.mark.parametrize("action", ["change-pin", "test"])
def test_the_last_try_is_refused_before_its_code_is_asked_for(run: Run, virtual: VirtualCard, action: str) -> None:
    virtual.codes.pin.tries_left = 1
    code, document = run(action, "--json")
    assert (code, document["reason"], document["tries_left"]) == (Exit.REFUSED, "last_try", 1)


def test_a_pin_is_changed(run: Run, virtual: VirtualCard, codes_file: Callable[..., str]) -> None:
    file = codes_file(pin=virtual.persona.pin, new_pin="975318")
    assert run("change-pin", "--codes-file", file)[0] == Exit.DONE
    assert run("test", "--codes-file", codes_file(pin="975318"))[0] == Exit.DONE


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_codes_file_that_others_can_read_is_refused(
    run: Run, virtual: VirtualCard, codes_file: Callable[..., str], mode: int
) -> None:
    file = codes_file(mode, pin=virtual.persona.pin)
    assert run("test", "--codes-file", file)[0] == Exit.BAD_INPUT
    assert virtual.tries_left == (3, 10)


@pytest.mark.parametrize("content", ["pin = 246813", "pin = 2468 13", 'pni = "246813"', 'puk = "24681357"'])
def test_a_bad_codes_file_is_refused_without_showing_a_code(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    path = tmp_path / "codes.toml"
    path.write_text(content)
    path.chmod(0o600)
    code = main(["card", "test", "--codes-file", str(path)])
    said = capsys.readouterr()
    assert code == Exit.BAD_INPUT
    assert str(path) in said.err
    assert "2468" not in said.out + said.err


def test_without_a_terminal_or_a_file_there_is_nobody_to_ask(run: Run, virtual: VirtualCard) -> None:
    assert run("test")[0] == Exit.BAD_INPUT
    assert virtual.tries_left == (3, 10)


def test_certificates_are_given_as_pem(run: Run) -> None:
    code, text = run("certificates", "--pem")
    assert code == Exit.DONE
    assert text.count("BEGIN CERTIFICATE") == 2


def test_the_reader_is_named_where_it_matters(run: Run, slots: list[VirtualSlot], authority: TestAuthority) -> None:
    assert run("show", "--reader", "Desk 7", "--json")[0] == Exit.BAD_INPUT
    code, document = run("show", "--reader", "Desk 1", "--json")
    assert (code, document["error"]) == (Exit.FAULT, "NoCard")
    slots[1].insert(VirtualCard.create(person(8).new, authority, datetime.now(UTC)))
    assert run("show", "--json")[0] == Exit.BAD_INPUT
    assert run("show", "--reader", "Desk 1", "--json")[0] == Exit.DONE


def test_a_card_upside_down_is_a_fault_of_the_device(run: Run, slots: list[VirtualSlot]) -> None:
    virtual = slots[0].remove()
    assert virtual is not None
    slots[0].insert(virtual, upside_down=True)
    code, document = run("show", "--json")
    assert (code, document["error"]) == (Exit.FAULT, "MuteCard")


def test_a_torn_card_ends_as_unknown(run: Run, virtual: VirtualCard, codes_file: Callable[..., str]) -> None:
    file = codes_file(puk=virtual.persona.puk, new_pin="975318")
    real = virtual.transmit

    def torn_at_the_command(apdu: bytes) -> bytes:
        if apdu[1] == 0x2C:
            virtual.tear(0, "after")
        return real(apdu)

    virtual.transmit = torn_at_the_command  # type: ignore[method-assign]
    code, document = run("unblock", "--codes-file", file, "--json")
    assert (code, document["outcome"]) == (Exit.FAULT, "unknown")


def test_without_a_service_list_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(InProcessBackend):
        def readers(self) -> tuple[str, ...]:
            raise NoReaderError("no PC/SC service")

    for action, module in (("list", card_parser), ("show", card)):
        monkeypatch.setattr(module, "PcscBackend", lambda: Gone([]))
        code, document = run(action, "--json")
        assert (code, document["error"]) == (Exit.FAULT, "NoReader")


def test_codes_are_never_arguments(run: Run) -> None:
    assert run("test", "--pin", "246813")[0] == Exit.BAD_INPUT


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], Exit.BAD_INPUT), (["nonsense"], Exit.BAD_INPUT), (["--help"], Exit.DONE), (["card"], Exit.BAD_INPUT),
     (["card", "--help"], Exit.DONE)],
)  # fmt: skip
def test_usage(arguments: list[str], expected: int) -> None:
    assert main(arguments) == expected


def test_an_interrupt_and_an_error_of_our_own_have_their_codes(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(fault: BaseException) -> Callable[[], InProcessBackend]:
        def make() -> InProcessBackend:
            raise fault

        return make

    monkeypatch.setattr(card_parser, "PcscBackend", fail(KeyboardInterrupt()))
    assert main(["card", "list"]) == Exit.INTERRUPTED
    monkeypatch.setattr(card_parser, "PcscBackend", fail(RuntimeError("made up")))
    assert main(["card", "list"]) == Exit.OUR_ERROR
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert "made up" in (tmp_path / "state" / "kortkiosk" / "kortkiosk.log").read_text()
    assert os.environ["XDG_STATE_HOME"] == str(tmp_path / "state")


@pytest.mark.parametrize(("left", "outcome", "reason"), [(0, "locked", None), (2, "refused", "below_floor")])
def test_a_puk_that_will_not_be_sent_is_not_asked_for(
    run: Run, virtual: VirtualCard, left: int, outcome: str, reason: str | None
) -> None:
    virtual.codes.puk.tries_left = left
    code, said = run("unblock", "--json")
    assert (code, said["outcome"], said["reason"], said["tries_left"]) == (Exit.REFUSED, outcome, reason, left)
