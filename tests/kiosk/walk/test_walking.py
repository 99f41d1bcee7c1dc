"""Errands walked on cards of every kind, without a fleet: what is done, what is refused, and by which exit code."""

from pathlib import Path

import pytest

from drivers.reader import profiles
from drivers.reader.profiles.signed import sign
from kiosk.cli import Exit
from kiosk.cli import walk as command
from kiosk.station.station import Station
from kiosk.walk.answers import WalkAnswers
from sim.reader.cards import VirtualCard
from sim.reader.command_apdu import Ins
from sim.reader.kinds import KINDS
from sim.reader.pki import TestAuthority
from sim.walk import hands
from tests.fakes.cards.profiles import ED25519, public_pem
from tests.fakes.station.walking import NEW_PIN, PIN, PUK, Walked, answers, codes_in, example, walk

WITHOUT_FLEET = ("change_pin", "unblock", "check_card")
WRONG_PIN, WRONG_PUK = "606060", "50505050"
LEFT_AT_THE_FLOOR = {"A": 2, "B": 2, "C": 1, "D": 1}
"""The floors, less the try that is let through at it: in a visit by the card's own 63Cx where it tells nothing else (A, C)."""
Capsys = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The issuer of this module's cards."""
    return tmp_path_factory.mktemp("authority") / "ca"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Path) -> None:
    """No station.toml, nobody to wait for."""
    monkeypatch.setattr(command, "ONLINE_S", 0.0)
    monkeypatch.setattr(command, "DRAIN_S", 0.0)
    monkeypatch.setenv("KORTKIOSK_TEST_AUTHORITY", str(authority))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("errand", WITHOUT_FLEET)
def test_the_example_of_each_errand_is_done_on_every_kind(
    errand: str, kind: str, tmp_path: Path, capsys: Capsys
) -> None:
    walked = walk(capsys, errand, example(errand, tmp_path, kind))
    assert walked.code == Exit.DONE, walked.said
    assert (walked.last["outcome"], walked.last["errand"]) == ("done", errand)
    assert walked.last["card_number"] == "9999000020260001"
    assert walked.last["exchange"]["apdus"] > 5
    assert [event["type"] for event in walked.last["events"]][:1] == ["se.kortkiosk.errand.started"]
    assert codes_in(walked, (PIN, PUK, NEW_PIN)) == []
    left = VirtualCard.load(next(tmp_path.glob("*.json")))
    assert left.tries_left[0] == KINDS[kind].pin_tries
    code = PIN if errand == "check_card" else NEW_PIN
    assert left.codes.pin.value.rstrip(b"\xff\x00") == code.encode()


def test_the_example_of_information_needs_no_card(tmp_path: Path, capsys: Capsys) -> None:
    walked = walk(capsys, "information", example("information", tmp_path))
    assert (walked.code, walked.last["outcome"], walked.last["card_number"]) == (Exit.DONE, "done", None)


@pytest.mark.parametrize("kind", KINDS)
def test_cleaning_up_finds_nothing_on_a_card_of_any_kind_that_needs_it_all(
    kind: str, tmp_path: Path, capsys: Capsys
) -> None:
    walked = walk(capsys, "clean_up", example("clean_up", tmp_path, kind))
    assert (walked.code, walked.last["outcome"], walked.last["receipt"]) == (Exit.DONE, "done", None), walked.said


def test_a_card_that_takes_no_certificate_is_refused_before_any_code(tmp_path: Path, capsys: Capsys) -> None:
    walked = walk(
        capsys, "renew_certificate", refusal("renew_certificate", "A", tmp_path, ("stop.not_writable", "end"))
    )
    assert (walked.code, walked.last["outcome"], walked.last["reason"]) == (Exit.REFUSED, "refused", "not_writable")


@pytest.mark.parametrize("kind", ["B", "C", "D"])
def test_without_an_issuer_nothing_is_renewed(kind: str, tmp_path: Path, capsys: Capsys) -> None:
    walked = walk(
        capsys, "renew_certificate", refusal("renew_certificate", kind, tmp_path, ("stop.issuer_away", "end"))
    )
    assert (walked.code, walked.last["outcome"], walked.last["reason"]) == (Exit.FAULT, "fault", "issuer_away")


def refusal(errand: str, kind: str, path: Path, *entries: tuple[str, str], locked: bool = False) -> Path:
    card = f'card = {{ kind = "{kind}", state = "card.json", locked = {str(locked).lower()} }}'
    rows = (("insert", "insert"), *entries)
    return answers(path / "answers.toml", card, *((f"{errand}.{view}", value) for view, value in rows))


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_try_is_kept_and_that_is_a_refusal(kind: str, tmp_path: Path, capsys: Capsys) -> None:
    tries = range(KINDS[kind].pin_tries - 1)
    wrong = [step for number in tries for step in (("pin", f"60606{number}"), ("pin_wrong", "again"))]
    file = refusal("change_pin", kind, tmp_path, *wrong, ("pin_last", "no"), ("stop.last_try_kept", "end"))
    walked = walk(capsys, "change_pin", file)
    assert (walked.code, walked.last["outcome"], walked.last["reason"]) == (Exit.REFUSED, "refused", "last_try_kept")
    assert VirtualCard.load(tmp_path / "card.json").tries_left[0] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_puks_are_refused_at_the_floor(kind: str, tmp_path: Path, capsys: Capsys) -> None:
    once = [("puk", WRONG_PUK), ("new_pin", NEW_PIN), ("repeat_pin", NEW_PIN), ("write", "write")]
    above = KINDS[kind].puk_tries - LEFT_AT_THE_FLOOR[kind]
    rounds = [*once, *[("puk_wrong", f"5050506{number}") for number in range(above - 1)]]
    file = refusal("unblock", kind, tmp_path, *rounds, ("stop.puk_floor", "end"), locked=True)
    walked = walk(capsys, "unblock", file)
    assert (walked.code, walked.last["reason"]) == (Exit.REFUSED, "puk_floor"), walked.said
    assert VirtualCard.load(tmp_path / "card.json").tries_left == (0, LEFT_AT_THE_FLOOR[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_locked_card_is_refused_before_any_code(kind: str, tmp_path: Path, capsys: Capsys) -> None:
    file = refusal("change_pin", kind, tmp_path, ("stop.card_locked", "end"), locked=True)
    walked = walk(capsys, "change_pin", file)
    assert (walked.code, walked.last["reason"]) == (Exit.REFUSED, "card_locked"), walked.said


def test_a_product_that_nobody_may_unlock_here_is_refused_before_any_code(tmp_path: Path, capsys: Capsys) -> None:
    shipped = Path(profiles.__file__).parent / "virtual-b.toml"
    closed = shipped.read_text(encoding="utf-8").replace('"virtual-b"', '"closed"').replace("rank = 10", "rank = 90")
    closed = closed.replace('by = "holder"\nadmin = "external-authenticate"\nadmin_tries = 5', 'by = "nobody"')
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "closed.toml").write_text(closed, encoding="utf-8")
    (tmp_path / "profiles" / "closed.toml.jws").write_text(sign(closed.encode(), ED25519))
    (tmp_path / "keys.pem").write_bytes(public_pem(ED25519))
    (tmp_path / "station.toml").write_text('[profiles]\nfolder = "profiles"\nkeys = "keys.pem"\n')
    file = refusal("unblock", "B", tmp_path, ("stop.not_unblockable", "end"), locked=True)
    walked = walk(capsys, "unblock", file)
    assert (walked.code, walked.last["reason"]) == (Exit.REFUSED, "not_unblockable"), walked.said
    assert VirtualCard.load(tmp_path / "card.json").tries_left == (0, 10)


def tear_the_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the contact in the very command that changes the code: it is carried out, and the answer is lost."""

    whole_cards = hands.cards

    def torn(cards: WalkAnswers, authority: TestAuthority) -> dict[str, VirtualCard]:
        made = whole_cards(cards, authority)
        whole = made["card"].transmit

        def transmit(apdu: bytes) -> bytes:
            if apdu[1] == Ins.CHANGE_REFERENCE_DATA:
                made["card"].tear(0, "after")
            return whole(apdu)

        made["card"].transmit = transmit  # type: ignore[method-assign]  # for this card alone
        return made

    monkeypatch.setattr(hands, "cards", torn)


@pytest.mark.parametrize("kind", ["B", "D"])
def test_a_card_torn_in_the_write_and_gone_is_unknown(
    kind: str, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    tear_the_write(monkeypatch)
    typed = (("pin", PIN), ("new_pin", NEW_PIN), ("repeat_pin", NEW_PIN))
    file = refusal("change_pin", kind, tmp_path, *typed, ("pulled", "gone"), ("stop.card_gone", "end"))
    walked = walk(capsys, "change_pin", file)
    assert (walked.code, walked.last["outcome"], walked.last["reason"]) == (Exit.FAULT, "unknown", "card_gone")


def test_who_cancels_ends_with_5(tmp_path: Path, capsys: Capsys) -> None:
    walked = walk(capsys, "change_pin", refusal("change_pin", "B", tmp_path, ("pin", "cancel")))
    assert (walked.code, walked.last["outcome"]) == (Exit.CANCELLED, "cancelled")


def test_an_unexpected_view_ends_with_2_and_its_name(tmp_path: Path, capsys: Capsys) -> None:
    walked = walk(capsys, "unblock", refusal("unblock", "B", tmp_path, ("locked", "unblock")))
    assert walked.code == Exit.BAD_INPUT
    assert "unexpected view unblock.not_locked" in walked.said
    assert walked.last["errand"] == "unblock"


def short(errand: str, path: Path, capsys: Capsys, cards: str) -> Walked:
    file = answers(path / "short.toml", cards, (f"{errand}.insert", "insert"), (f"{errand}.pin", "cancel"))
    return walk(capsys, errand, file)


def test_a_card_is_named_by_kind_and_file_or_by_a_table(tmp_path: Path, capsys: Capsys) -> None:
    """The string of the answers file (docs/walk.md), and a table that says more, name the same card."""
    for cards in ('card = "D:card.json"', 'card = { kind = "D", state = "card.json" }'):
        walked = short("change_pin", tmp_path, capsys, cards)
        assert (walked.code, walked.last["card_number"]) == (Exit.CANCELLED, "9999000020260001"), walked.said


def test_a_file_of_another_kind_is_named(tmp_path: Path, capsys: Capsys) -> None:
    assert short("change_pin", tmp_path, capsys, 'card = "D:card.json"').code == Exit.CANCELLED
    walked = short("change_pin", tmp_path, capsys, 'card = "B:card.json"')
    assert walked.code == Exit.BAD_INPUT
    assert "is a card of kind D, not B" in walked.said


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("switched_off", Exit.REFUSED), ("door", Exit.REFUSED), ("reader", Exit.FAULT), ("store", Exit.FAULT),
        ("orders", Exit.BAD_INPUT),
    ],
)  # fmt: skip
def test_an_errand_that_cannot_begin_says_why_by_its_code(
    missing: str, code: int, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Station, "missing", lambda station, errand: missing)
    walked = walk(capsys, "change_pin", example("change_pin", tmp_path))
    assert (walked.code, walked.last["outcome"], walked.last["missing"]) == (code, "refused", missing)
