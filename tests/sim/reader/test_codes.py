"""What a kind B card answers to codes: the rows of the table of real cards, and what a person may do with them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.reader.cards import LogEntry, VirtualCard
from sim.reader.personas import PIN, person
from sim.reader.slot import CardTornError

PUK = person(1).new.puk
WRONG = "000000"
WRONG_PUK = "00000000"
NEW = "975310"


def field(code: str) -> bytes:
    return code.encode().ljust(8, b"\xff")


def send(card: VirtualCard, header: str, data: bytes = b"") -> str:
    """Status word of a command, as hex."""
    body = bytes([len(data)]) + data if data else b""
    return card.transmit(bytes.fromhex(header) + body)[-2:].hex().upper()


def verify(card: VirtualCard, code: str) -> str:
    return send(card, "00200001", field(code))


def change(card: VirtualCard, old: str, new: str) -> str:
    return send(card, "00240001", field(old) + field(new))


def unblock(card: VirtualCard, puk: str, new: str) -> str:
    return send(card, "002C0001", field(puk) + field(new))


def tries(card: VirtualCard) -> str:
    return send(card, "00200001")


def lock(card: VirtualCard) -> None:
    for _ in range(3):
        verify(card, WRONG)


def lock_puk(card: VirtualCard) -> list[str]:
    return [unblock(card, WRONG_PUK, NEW) for _ in range(10)]


@pytest.mark.parametrize(
    ("story", "before", "header", "data", "answer"),
    [
        ("asking for tries, Lc absent", [], "00200001", "", "63C3"),
        ("asking for tries with Lc=00", [], "0020000100", "", "6700"),
        ("asking once verified", [("00200001", PIN)], "00200001", "", "9000"),
        ("unpadded entry", [], "00200001", PIN.encode().hex(), "9000"),
        ("entry longer than any code", [], "00200001", "31" * 9, "6700"),
        ("no such code", [], "00200009", "", "6A88"),
        ("unknown instruction", [], "00FE0000", "", "6D00"),
        ("unknown class", [], "80200001", "", "6E00"),
        ("tries of the PUK", [], "00200002", "", "63CA"),
        ("the PUK cannot be changed", [], "00240002", (field(PUK) * 2).hex(), "6985"),
        ("change after verify is not offered", [], "00240101", field(NEW).hex(), "6A86"),
    ],
)
def test_single_answers(
    card: VirtualCard, story: str, before: list[tuple[str, str]], header: str, data: str, answer: str
) -> None:
    for earlier, code in before:
        assert send(card, earlier, field(code)) == "9000"
    assert send(card, header, bytes.fromhex(data)) == answer, story


def test_three_wrong_pins_lock_the_card_and_the_right_one_comes_too_late(card: VirtualCard) -> None:
    assert [verify(card, WRONG) for _ in range(3)] == ["63C2", "63C1", "6983"]
    assert verify(card, PIN) == "6983"
    assert tries(card) == "6983"


def test_a_right_pin_gives_all_tries_back(card: VirtualCard) -> None:
    verify(card, WRONG)
    assert verify(card, PIN) == "9000"
    card.reset()
    assert tries(card) == "63C3"


def test_a_wrong_entry_takes_the_verified_state_away(card: VirtualCard) -> None:
    verify(card, PIN)
    verify(card, WRONG)
    assert tries(card) == "63C2"


@pytest.mark.parametrize("leave", ["reset", "power", "application"])
def test_a_verified_code_is_forgotten_with_the_session(card: VirtualCard, leave: str) -> None:
    verify(card, PIN)
    if leave == "reset":
        card.reset()
    elif leave == "power":
        card.power_off()
        card.power_on()
    else:
        assert send(card, "00A4040C", bytes.fromhex("A000000063504B43532D3135")) == "9000"
    assert tries(card) == "63C3"


def test_changing_the_pin(card: VirtualCard) -> None:
    assert change(card, PIN, NEW) == "9000"
    assert verify(card, PIN) == "63C2"
    assert verify(card, NEW) == "9000"


@pytest.mark.parametrize("new", ["1", "12345"])
def test_a_too_short_new_pin_is_refused_and_costs_no_try(card: VirtualCard, new: str) -> None:
    assert change(card, WRONG, new) == "6700"
    assert unblock(card, WRONG_PUK, new) == "6700"
    assert tries(card) == "63C3"
    assert card.tries_left == (3, 10)


def test_a_wrong_old_pin_counts(card: VirtualCard) -> None:
    assert change(card, WRONG, NEW) == "63C2"
    assert verify(card, PIN) == "9000"


def test_quirk_changing_with_the_right_old_pin_unlocks_a_locked_card(card: VirtualCard) -> None:
    lock(card)
    assert change(card, WRONG, NEW) == "6983"
    assert change(card, PIN, NEW) == "9000"
    assert verify(card, NEW) == "9000"


def test_the_letter_unlocks_a_locked_card(card: VirtualCard) -> None:
    lock(card)
    assert unblock(card, PUK, NEW) == "9000"
    assert tries(card) == "63C3", "unlocked, not verified"
    assert verify(card, NEW) == "9000"


def test_wrong_puks_count_down_and_a_right_one_restores(card: VirtualCard) -> None:
    lock(card)
    assert unblock(card, WRONG_PUK, NEW) == "63C9"
    assert unblock(card, WRONG_PUK, NEW) == "63C8"
    assert unblock(card, PUK, NEW) == "9000"
    assert card.tries_left == (3, 10)


def test_ten_wrong_puks_are_the_end_of_the_card(card: VirtualCard) -> None:
    answers = lock_puk(card)
    assert answers[:2] == ["63C9", "63C8"]
    assert answers[-2:] == ["63C1", "6983"]
    assert unblock(card, PUK, NEW) == "6983"
    assert send(card, "00200002") == "6983"


def test_unlocking_without_a_new_pin_keeps_the_old_one(card: VirtualCard) -> None:
    lock(card)
    assert send(card, "002C0101", field(PUK)) == "9000"
    assert verify(card, PIN) == "9000"


@pytest.mark.parametrize(("mode", "data", "pin"), [("02", field(NEW), NEW), ("03", b"", PIN)])
def test_unlocking_after_verifying_the_puk(card: VirtualCard, mode: str, data: bytes, pin: str) -> None:
    lock(card)
    assert send(card, f"002C{mode}01", data) == "6982"
    assert send(card, "00200002", field(PUK)) == "9000"
    assert send(card, f"002C{mode}01", data) == "9000"
    assert verify(card, pin) == "9000"


def test_counters_and_codes_outlive_the_power(make_card: Callable[..., VirtualCard], tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    card = make_card(path=path)
    verify(card, WRONG)
    unblock(card, WRONG_PUK, NEW)
    again = VirtualCard.load(path)
    again.power_on()
    assert again.tries_left == (2, 9)
    assert change(again, PIN, NEW) == "9000"
    assert VirtualCard.load(path).tries_left == (3, 9)
    last = VirtualCard.load(path)
    last.power_on()
    assert verify(last, NEW) == "9000"


@pytest.mark.parametrize(
    ("when", "left"), [("before", 3), ("during", 2), ("after", 2)], ids=["unseen", "counted", "carried out"]
)
def test_a_torn_wrong_entry(card: VirtualCard, when: str, left: int) -> None:
    card.tear(when=when)  # type: ignore[arg-type]
    with pytest.raises(CardTornError):
        verify(card, WRONG)
    assert card.tries_left[0] == left


def test_a_right_entry_torn_before_the_comparison_has_cost_a_try(
    make_card: Callable[..., VirtualCard], tmp_path: Path
) -> None:
    path = tmp_path / "card.json"
    card = make_card(path=path)
    card.tear(when="during")
    with pytest.raises(CardTornError):
        verify(card, PIN)
    assert VirtualCard.load(path).tries_left == (2, 10)


def test_a_change_torn_after_it_was_carried_out_is_done(card: VirtualCard) -> None:
    card.tear(when="after")
    with pytest.raises(CardTornError):
        change(card, PIN, NEW)
    with pytest.raises(CardTornError):
        tries(card)
    card.power_on()
    assert verify(card, NEW) == "9000"


def test_a_tear_waits_for_its_exchange(card: VirtualCard) -> None:
    card.tear(exchanges=1)
    assert tries(card) == "63C3"
    with pytest.raises(CardTornError):
        tries(card)


def test_the_log_names_commands_and_never_holds_a_code(card: VirtualCard) -> None:
    verify(card, PIN)
    unblock(card, PUK, NEW)
    card.tear()
    with pytest.raises(CardTornError):
        verify(card, NEW)
    assert card.log == [
        LogEntry("VERIFY", 0, 1, 0x9000),
        LogEntry("RESET RETRY COUNTER", 0, 1, 0x9000),
        LogEntry("VERIFY", 0, 1, None),
    ]
    assert all(code not in repr((card.log, card.persona)) for code in (PIN, PUK, NEW))
