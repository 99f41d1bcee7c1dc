"""What is asked once and no more: a code that was chosen, one that was proved; and steps that move."""

from collections.abc import Callable
from typing import Any

import pytest

from drivers.reader.outcomes import RefusalReason, Refused
from drivers.reader.secret import WipedError
from kiosk.errands.activate.stories import STORIES as ACTIVATIONS
from kiosk.errands.unblock.journey import unblock, unlock_without_letter
from kiosk.errands.unblock.stories import PUK, issuer, unlock
from kiosk.region import RegionSettings
from kiosk.views import Confirm, EnterCode, View
from sim.reader.personas import person
from sim.reader.signing_traits import CONSENT
from sim.stories.errand_stories import OWN, ErrandStory, play
from sim.stories.own_card import WRONG_PUK, locked
from sim.stories.person import Person, Story, pulls
from sim.stories.room import Room, quick_folder
from sim.stories.setting import Setting, own_card

MakeRoom = Callable[[Setting], Room]
NEW_PUK = person(1).new.puk


async def picked_up(room: Room, **changed: Any) -> Person:
    """The holder collects the card; whoever did it."""
    someone = Person(room.world, room.clock, own_card(**changed))
    ended = await room.errand(someone)
    if someone.failure is not None:
        raise someone.failure
    assert ended.outcome == "done"
    return someone


async def unlocked(room: Room, story: Story, journey: Any = unblock) -> Person:
    """The holder's card is locked, and something was said of it on the menu."""
    locked(room)
    room.world.insert("1:old", "holder")
    someone = Person(room.world, room.clock, {**story, "unblock.insert": lambda _: None})
    await room.errand(someone, journey, "unblock")
    if someone.failure is not None:
        raise someone.failure
    return someone


def view_of(someone: Person, name: str) -> View[Any]:
    return next(view for view in someone.shown if view.name == name)


async def test_after_a_wrong_puk_the_chosen_code_is_kept_and_the_puk_alone_is_typed(make_room: MakeRoom) -> None:
    someone = await unlocked(make_room(OWN), unlock(puk=WRONG_PUK, puk_wrong=["50505051", PUK])())
    asked = [name for name in someone.questions if not name.endswith("insert")]
    assert asked == [
        "unblock.puk", "unblock.new_pin", "unblock.repeat_pin", "unblock.write", "unblock.puk_wrong", "unblock.puk_wrong",
        "unblock.done", "closing.take_card",
    ]  # fmt: skip
    first, second = (view for view in someone.shown if view.name == "unblock.puk_wrong")
    assert isinstance(first, EnterCode)
    assert isinstance(second, EnterCode)
    assert first.lead[0].key == second.lead[0].key == "wrong_puk.kept"
    assert first.tries is not None
    assert second.tries is not None
    assert (first.tries.left, second.tries.left) == (7, 6)


async def test_a_puk_that_the_server_says_is_wrong_promises_no_code_that_nobody_has_chosen(make_room: MakeRoom) -> None:
    someone = await picked_up(make_room(Setting(server=True)), puk=WRONG_PUK, puk_wrong=[WRONG_PUK, NEW_PUK])
    assert {view.lead[0].key for view in someone.shown if view.name == "pickup.puk_wrong"} == {"wrong_puk.lead"}


async def test_a_kept_code_is_wiped_where_the_errand_ends_at_the_puk(make_room: MakeRoom) -> None:
    """As every code is: whoever pulls the card and walks away leaves nothing behind."""
    kept: list[Any] = []

    class Watched(Person):
        async def show(self, view: View[Any]) -> Any:
            answer = await super().show(view)
            if view.name == "unblock.new_pin":
                kept.append(answer)
            return answer

    room = make_room(OWN)
    locked(room)
    room.world.insert("1:old", "holder")
    story = unlock(puk=WRONG_PUK, puk_wrong="cancel")()
    someone = Watched(room.world, room.clock, {**story, "unblock.insert": lambda _: None})
    ended = await room.errand(someone, unblock, "unblock")
    assert (ended.outcome, someone.failure) == ("cancelled", None)
    with pytest.raises(WipedError):
        kept[0].reveal()


async def test_whoever_has_no_letter_at_the_puk_is_offered_the_other_ways(make_room: MakeRoom) -> None:
    """No screen stands between the card and the PUK."""
    room = make_room(OWN)
    issuer()(room)
    story = unlock(puk="no_envelope", without="letter", order_letter="order", letter_ordered="end")()
    someone = await unlocked(room, {**story, "closing.take_card": pulls()})
    assert "unblock.locked" not in someone.names
    assert "letter.order letter_ordered" in await room.told()


async def test_whoever_said_so_on_the_menu_meets_the_other_ways_first(make_room: MakeRoom) -> None:
    room = make_room(OWN)
    issuer()(room)
    story = unlock(without="letter", order_letter="order", letter_ordered="end")()
    someone = await unlocked(room, {**story, "closing.take_card": pulls()}, unlock_without_letter)
    asked = [name for name in someone.questions if not name.endswith("insert")]
    assert asked[:2] == ["unblock.without", "unblock.order_letter"]
    assert "letter.order letter_ordered" in await room.told()


async def test_the_receipt_is_signed_with_the_code_that_was_just_proved(make_room: MakeRoom) -> None:
    someone = await picked_up(make_room(Setting()))
    assert "pickup.sign_pin" not in someone.names
    receipt = view_of(someone, "pickup.receipt")
    assert isinstance(receipt, Confirm)
    assert receipt.primary is not None
    assert (receipt.lead[0].key, receipt.primary.text.key) == ("sign.lead.proved", "sign_pin.go")


@pytest.mark.parametrize(
    "setting", [Setting(traits=(CONSENT,)), Setting(kind="C"), Setting(kind="D")], ids=["consent", "C", "D"]
)
async def test_a_key_that_wants_its_code_for_each_signature_gets_it(make_room: MakeRoom, setting: Setting) -> None:
    someone = await picked_up(make_room(setting))
    assert view_of(someone, "pickup.receipt").lead[0].key == "sign.lead"
    assert "pickup.sign_pin" in someone.names


async def test_a_region_may_want_the_code_anew(make_room: MakeRoom) -> None:
    room = make_room(Setting())
    room.equip(region=RegionSettings(sign_with_proved_code=False))
    assert "pickup.sign_pin" in (await picked_up(room)).names


async def test_a_card_that_wants_its_code_after_all_is_given_it(make_room: MakeRoom) -> None:
    """It said nothing of that: a profile may be wrong, and nobody loses the receipt for it."""
    room = make_room(Setting())
    refused: list[str] = []
    real = room.caps.reader.visit

    async def visit() -> Any:
        met = await real()
        sign = met.sign

        async def once_refused(purpose: str, message: bytes) -> Any:
            if purpose == "signature" and not refused:
                refused.append(purpose)
                return Refused(RefusalReason.CARD, 0x6982)
            return await sign(purpose, message)  # type: ignore[arg-type]  # a purpose

        met.sign = once_refused  # type: ignore[method-assign]
        return met

    room.caps.reader.visit = visit  # type: ignore[method-assign]
    someone = await picked_up(room)
    assert refused
    assert "pickup.sign_pin" in someone.names
    assert "receipt.issued" in await room.told()


STEPPED = [
    ErrandStory("pickup", "pickup", own_card, Setting()),
    ErrandStory("unblock", "unblock", unlock(), OWN, prepare=locked),
    next(story for story in ACTIVATIONS if story.outcome == "done" and story.touched),
]


@pytest.mark.parametrize("tale", STEPPED, ids=[tale.errand for tale in STEPPED])
async def test_the_steps_move_with_the_errand(tale: ErrandStory, tmp_path: Any) -> None:
    """Never back, none left out, and none for more than two thirds of the way."""
    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, tale)
        await room.close()
    if someone.failure is not None:
        raise someone.failure
    assert ended.outcome == "done"
    steps = [view.step.at for view in someone.shown if view.step]
    assert steps == sorted(steps), [(view.name, view.step) for view in someone.shown]
    last = next(view.step.of for view in someone.shown if view.step)
    assert set(steps) == set(range(1, last + 1))
    assert max(steps.count(step) for step in set(steps)) <= len(steps) * 2 / 3
