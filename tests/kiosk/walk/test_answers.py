"""The answers file of `walk`, and what a walk does where it does not fit. A value may be a code and is never shown."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kiosk.cli import Exit, main, walk
from kiosk.policy import PinPolicy
from kiosk.ports import ErrandEndedError
from kiosk.steps.context import ViewContext
from kiosk.steps.pin.from_portal_views import response
from kiosk.views import CANCEL, Button, Choose, EnterCode, Option, say
from kiosk.walk.answers import AnswersError, WalkAnswer, load
from kiosk.walk.screen import UnexpectedViewError, WalkScreen
from sim.demo.seed import seed

CODE = "90817263"

BAD = [
    ("[[answer]]\nview = 'pickup.who'", "answer.0", "needs view and value"),
    ("[[answer]]\ndo = 'insert'", "answer.0", "needs card"),
    ("[[answer]]\ndo = 'throw'\ncard = 'old'", "answer.0.do", "insert"),
    (f"[[answer]]\ndo = 'remove'\nvalue = '{CODE}'", "answer.0", "has no value"),
    (f"[[answer]]\nview = 'pickup.puk'\nvalue = {CODE}", "answer.0.value", "string"),
    (f"[[answer]]\nview = 'pickup.puk'\nvalue = '{CODE}'\npuk = 1", "answer.0.puk", ""),
    ("[[answer]]\ndo = 'insert'\ncard = 'old'", "answer.0", "names no 'old'"),
    ("[cards]\nold = 'old.json'\n[[answer]]\nview = 'a'\nvalue = 'b'", "cards.old", "KIND:FILE"),
    ("[cards]\nold = 'Z:old.json'\n[[answer]]\nview = 'a'\nvalue = 'b'", "cards.old", "KIND:FILE"),
    ("answer", "is not TOML", ""),
    ("", "answer", "required"),
]


@pytest.mark.parametrize(("text", "where", "reason"), BAD, ids=[where for _, where, _ in BAD])
def test_a_bad_file_names_entry_and_reason_and_shows_no_value(
    text: str, where: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answers.toml"
    path.write_text(text)
    with pytest.raises(AnswersError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert where in str(caught.value)
    assert reason.lower() in str(caught.value).lower()
    assert main(["walk", "pickup", "--reader", "virtual", "--answers", str(path)]) == Exit.BAD_INPUT
    said = capsys.readouterr()
    assert where in said.err
    assert CODE not in said.err + said.out + str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "no.toml"
    assert main(["walk", "pickup", "--reader", "virtual", "--answers", str(missing)]) == Exit.BAD_INPUT
    assert str(missing) in capsys.readouterr().err


@pytest.fixture
def quick_walk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(walk, "ONLINE_S", 0.0)
    monkeypatch.setattr(walk, "DRAIN_S", 0.0)
    monkeypatch.setenv("KORTKIOSK_TEST_AUTHORITY", str(tmp_path / "authority"))


@pytest.mark.usefixtures("quick_walk")
def test_a_station_without_identity_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answers = tmp_path / "answers.toml"
    answers.write_text("[[answer]]\nview = 'pickup.who'\nvalue = 'old_card'\n")
    code = main(["walk", "pickup", "--reader", "virtual", "--answers", str(answers), "--json"])
    said = capsys.readouterr()
    last = json.loads(said.out.splitlines()[-1])
    assert code == Exit.BAD_INPUT
    assert (last["outcome"], last["missing"]) == ("refused", "orders")
    assert "identity" in {one["code"] for one in last["problems"]}
    assert "identity" in said.err


@pytest.mark.usefixtures("quick_walk")
@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ("view = 'pickup.terms'\nvalue = 'accept'", "unexpected view pickup.who"),
        ("view = 'pickup.who'\nvalue = 'nobody'", "pickup.who"),
    ],
)
def test_an_answer_that_does_not_fit_ends_with_2_and_names_the_view(
    entries: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    region = seed(tmp_path / "region", datetime.now(UTC), mqtt_port=1, verify="card")
    answers = tmp_path / "answers.toml"
    answers.write_text(f"[[answer]]\n{entries}\n")
    arguments = ["--reader", "virtual", "--answers", str(answers), "--config", str(region.config), "--json"]
    code = main(["walk", "pickup", *arguments])
    said = capsys.readouterr()
    assert code == Exit.BAD_INPUT
    assert named in said.err
    assert json.loads(said.out.splitlines()[-1])["outcome"] == "cancelled"


PAD = EnterCode(
    name="pickup.new_pin", title=say("new_pin.title"), min_length=6, max_length=8, submit=say("button.next"),
    policy=PinPolicy(6, 8), way_out=Button("back", say("button.back")),
)  # fmt: skip
CHOICE = Choose(
    name="pickup.who", title=say("who.title"), way_out=Button(CANCEL, say("button.cancel")),
    options=(Option("old_card", say("who.old_card")), Option("shut", say("who.old_card"), reason=say("who.title"))),
)  # fmt: skip


@pytest.mark.parametrize("value", ["12345", "123456789", "123456", "77777777", "12a456", "forward"])
async def test_a_walk_types_no_code_that_the_pad_would_not_take(value: str) -> None:
    """Otherwise a walk could set a code that no person can set."""
    lines: list[object] = []
    screen = WalkScreen((WalkAnswer(view="pickup.new_pin", value=value),), lines.append, "sv")
    with pytest.raises(ErrandEndedError, match=r"pickup\.new_pin") as caught:
        await screen.show(PAD)
    assert screen.unexpected is caught.value
    assert value not in str(caught.value) + str(lines)


@pytest.mark.parametrize("value", ["shut", "other"])
async def test_a_walk_chooses_nothing_that_is_not_offered(value: str) -> None:
    screen = WalkScreen((WalkAnswer(view="pickup.who", value=value),), lambda line: None, "sv")
    with pytest.raises(UnexpectedViewError):
        await screen.show(CHOICE)


async def test_a_walk_gives_what_fits_and_prints_stars_for_a_code() -> None:
    lines: list[object] = []
    given = (("pickup.who", "old_card"), ("pickup.who", CANCEL), ("pickup.new_pin", CODE), ("pickup.new_pin", "back"))
    entries = tuple(WalkAnswer(view=view, value=value) for view, value in given)
    screen = WalkScreen(entries, lines.append, "sv")
    assert [await screen.show(CHOICE), await screen.show(CHOICE)] == ["old_card", CANCEL]
    code = await screen.show(PAD)
    assert code.reveal() == CODE
    assert await screen.show(PAD) == "back"
    assert CODE not in str(lines)
    assert "******" in str(lines)


class Shaker:
    """Hands that move things at once."""

    by_person = False

    def insert(self, *_: object) -> None: ...

    def remove(self, *_: object) -> None: ...

    def help(self, *_: object) -> bool:
        return False


async def test_an_entry_that_may_be_passed_over_waits_for_the_view_after_the_hands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kiosk.walk.screen.SETTLE_S", 0.0)
    entries = (WalkAnswer(do="remove"), WalkAnswer(view="pickup.who", value="old_card", optional=True))
    screen = WalkScreen(entries, lambda line: None, "sv", Shaker())  # type: ignore[arg-type]  # as much as is asked of them
    with pytest.raises(UnexpectedViewError):  # nothing notices that anything moved
        await screen.show(PAD)
    assert await screen.show(CHOICE) == "old_card"


async def test_digits_that_are_private_are_printed_no_more_than_a_code() -> None:
    lines: list[dict[str, Any]] = []
    entries = (WalkAnswer(view="unblock.portal_response", value="0F3A91C4D27B60E8"),)
    view = response(ViewContext("unblock"), 16, "hexadecimal", again=False)
    assert await WalkScreen(entries, lines.append, "sv").show(view) == "0F3A91C4D27B60E8"
    assert lines[-1] == {"answered": "unblock.portal_response", "value": "******"}
