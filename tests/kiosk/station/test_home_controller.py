"""The home screen and a card that is put in at any moment: what it says of the card, and what it offers first."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from drivers.reader.model import CardFacts
from fleet.messages.issuing import CardRecord, CardState, DirectoryPerson
from fleet.messages.vocabulary import FindingCode
from kiosk.errands.check_card import views as check_views
from kiosk.errands.registry import ERRANDS, Errand, errand_of
from kiosk.errands.report_lost.journey import found_again
from kiosk.errands.unblock.journey import unblock, unlock_without_letter
from kiosk.findings import CardFinding
from kiosk.findings.rules import RULES
from kiosk.station import home_controller as module
from kiosk.station.devices import NoReader
from kiosk.station.home_controller import (
    AT_ONCE_S,
    REGISTER_S,
    CardKnowledge,
    HomeContent,
    HomeController,
    UnclaimedCard,
)
from kiosk.station.home_views import card_view
from kiosk.station.supervisor import Limits, Supervisor
from kiosk.steps.card import wait_until_empty
from kiosk.steps.context import ViewContext
from kiosk.views import Choose, ReaderDrawing, RestingDrawing, say
from sim.gallery.made_up import CARD_FACTS
from sim.reader.secured import SecuredApplication
from sim.stories.devices import order_of
from sim.stories.errand_stories import OWN
from sim.stories.issuer import SimulatedIssuer
from sim.stories.own_card import MINE, locked
from sim.stories.patience import LIMIT_S
from sim.stories.person import Person as Visitor
from sim.stories.person import StoryAction, leaves, pulls, puts
from sim.stories.room import Room, authority, persona_of, quick_folder
from sim.stories.setting import room_for

NUMBER, HOLDER = persona_of(MINE).card_number, persona_of(MINE).hsa_id


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The register here answers at once, however busy the machine is; the test of a silent one sets these itself."""
    monkeypatch.setattr(module, "AT_ONCE_S", LIMIT_S)
    monkeypatch.setattr(module, "REGISTER_S", LIMIT_S)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """A station with a register that knows the card as active."""
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, OWN)
        yield room
        await room.close()


def register(room: Room, state: CardState = "active", **facts: Any) -> SimulatedIssuer:
    issuer = SimulatedIssuer(authority(), room.clock)
    held_from: CardState | None = "active" if state == "held" else None
    issuer.add(DirectoryPerson(HOLDER, "Alva", **facts), CardRecord(NUMBER, HOLDER, "601", state, held_from=held_from))
    return issuer


async def chosen(
    room: Room, directory: Any, controller: dict[str, Any] | None = None, **answers: StoryAction
) -> tuple[Errand | None, Visitor]:
    """What the home screen says is wanted, and who stood before it. `controller`: what else it is given."""
    given = {"closed": lambda: None, "administers": nobody, "administrator_reader": None, **(controller or {})}
    story = {f"home.{name}" if name != "home" else name: action for name, action in answers.items()}
    someone = Visitor(room.world, room.clock, {"home": puts(MINE), **story, "closing.take_card": pulls()})
    content = HomeContent(
        "", lambda: tuple((errand, None) for errand in ERRANDS), interrupted=[], printer=lambda: None,
        closed=given["closed"],
    )  # fmt: skip
    home = HomeController(
        Supervisor(someone, room.caps.reader, room.clock, Limits()), content,
        CardKnowledge(room.clock, directory, administers=given["administers"], orders=room.orders), asyncio.Event(),
        room.caps.reader, given["administrator_reader"],
    )  # fmt: skip
    async with asyncio.timeout(LIMIT_S):
        errand = await home.choose()
    if someone.failure is not None:
        raise someone.failure
    return errand, someone


def shown(someone: Visitor) -> tuple[str, str]:
    """What is said of the card, and the errand that stands first."""
    view = next(view for view in someone.shown if view.name == "home.card")
    assert isinstance(view, Choose)
    return view.title.key, view.options[0].value


async def test_the_home_screen_of_a_station_whose_reader_is_not_there_is_drawn_once(room: Room) -> None:
    """Until a device changes. It was drawn anew without end."""
    someone, changed = Visitor(room.world, room.clock, {"home": leaves}), asyncio.Event()
    content = HomeContent("", lambda: (), [], lambda: None)
    supervisor = Supervisor(someone, None, room.clock, Limits())
    choosing = asyncio.ensure_future(
        HomeController(supervisor, content, CardKnowledge(room.clock), changed, NoReader()).choose()
    )
    for _ in range(100):
        await asyncio.sleep(0)
    assert not choosing.done()
    changed.set()
    async with asyncio.timeout(LIMIT_S):
        assert await choosing is None
    assert someone.names == ["home"]


async def test_a_card_is_met_in_a_reader_that_was_plugged_in_later(room: Room) -> None:
    backend, slot = room.world.backend, room.world.slots["holder"]
    backend.unplug(slot.name)

    def plugs_in(someone: Visitor) -> None:
        backend.plug(slot)
        puts(MINE)(someone)

    errand, _ = await chosen(room, register(room), home=plugs_in, card="check_card")
    assert errand is errand_of("check_card")


async def test_a_card_put_in_the_wrong_way_round_is_answered_at_once_with_how_to_turn_it(room: Room) -> None:
    errand, someone = await chosen(room, register(room), home=puts(MINE, upside_down=True), **{"strange.mute": pulls()})
    assert errand is None
    assert someone.names == ["home", "home.strange.mute"]
    assert someone.shown[-1].drawing == ReaderDrawing("turn")


async def test_a_card_that_wants_a_protected_connection_is_no_mute_stranger(room: Room) -> None:
    def puts_secured(someone: Visitor) -> None:
        card = someone.world.card(MINE)
        card.application = SecuredApplication(card.application, "pace")
        puts(MINE)(someone)

    _, someone = await chosen(room, register(room), home=puts_secured, **{"strange.secured": pulls()})
    assert someone.names == ["home", "home.strange.secured"]


async def test_a_card_of_a_product_that_has_no_directory_is_named_as_one(room: Room) -> None:
    def puts_idprime(someone: Visitor) -> None:
        card = someone.world.card(MINE)
        card.atr = bytes.fromhex("3BFF9600008131FE4380318065B0855956FB120FFE82900000")
        card.transmit = lambda apdu: b"\x6a\x82"
        puts(MINE)(someone)

    _, someone = await chosen(room, register(room), home=puts_idprime, **{"strange.unread": pulls()})
    assert someone.names == ["home", "home.strange.unread"]


@pytest.mark.parametrize(
    ("state", "facts", "said", "first"),
    [
        ("active", {}, "finding.certificate_expires_soon.title", None),
        ("active", {"left": "2026-02-01"}, "finding.leaver.title", "return_card"),
        ("blocked", {}, "finding.blocked.title", "return_card"),
    ],
)
async def test_the_registers_word_counts(
    room: Room, state: CardState, facts: dict[str, str], said: str, first: str | None
) -> None:
    errand, someone = await chosen(room, register(room, state, **facts), card=first or "check_card")
    assert errand is not None
    assert errand.id == (first or "check_card")
    title, offered = shown(someone)
    assert title == said
    assert first in (None, offered)


async def test_a_card_that_is_found_again_is_not_asked_what_has_happened_to_it(room: Room) -> None:
    errand, someone = await chosen(room, register(room, "held"), card="found_again")
    assert shown(someone) == ("finding.on_hold.title", "found_again")
    assert errand is not None
    assert (errand.id, errand.journey) == ("report_lost", found_again)
    story: dict[str, StoryAction] = {
        "report_lost.insert": lambda _: None,
        "report_lost.pin": "cancel",
        "closing.take_card": pulls(),
    }
    holder = Visitor(room.world, room.clock, story)
    log = await room.journal.start(errand.id)
    async with asyncio.timeout(LIMIT_S):
        await Supervisor(holder, room.caps.reader, room.clock, Limits()).run(errand.journey, room.caps, log)
    assert holder.failure is None
    assert holder.questions == ["report_lost.insert", "report_lost.pin", "closing.take_card"]


@pytest.mark.parametrize(
    ("code", "errand", "begins", "text"),
    [
        ("on_hold", "report_lost", "found_again", "home.card.found_again"),
        ("pin_locked", "unblock", "unblock", "home.unblock"),
    ],
)
def test_so_does_the_test_of_a_card(code: str, errand: str, begins: str, text: str) -> None:
    found = CardFinding(FindingCode(code), errand, "holder")
    view = check_views.finding(ViewContext("check_card"), found, mends=True)
    assert view.primary is not None
    assert (found.begins, view.primary.text.key) == (begins, text)
    wanted = errand_of(begins)
    assert wanted is not None
    assert wanted.id == errand


@pytest.mark.parametrize(
    ("codes", "tested", "title"),
    [
        ((), True, "good"),
        ((), False, "looked"),
        (("alike",), True, "good"),
        (("certificate_expires_soon", "alike"), True, "works"),
        (("certificate_expires_soon",), False, "found"),
        (("certificate_expires_soon", "on_hold"), True, "found"),
    ],
)
def test_a_card_that_was_tested_and_soon_expires_is_not_called_wrong(
    codes: tuple[str, ...], tested: bool, title: str
) -> None:
    works = {rule.code: rule.works for rule in RULES}
    given = [FindingCode(code) for code in codes]
    found = [
        CardFinding(code, None, "nobody" if code is FindingCode.ALIKE else "holder", works=works[code])
        for code in given
    ]
    assert check_views.done(found, tested=tested)[0].key == f"check_done.{title}"


async def test_without_connection_the_card_is_read_all_the_same(room: Room) -> None:
    issuer = register(room, "blocked")
    issuer.online = False
    errand, someone = await chosen(room, issuer, card="end")
    assert errand is None
    assert shown(someone)[0] == "finding.certificate_expires_soon.title"
    assert "closing.take_card" in someone.names


class Silent:
    """A register that never answers."""

    async def state(self, card_number: str, **_: Any) -> Any:
        await asyncio.get_running_loop().create_future()


async def test_a_silent_register_is_not_waited_for_long_and_the_wait_is_said(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE_S", 0.0)
    monkeypatch.setattr(module, "REGISTER_S", 0.05)
    errand, someone = await chosen(room, Silent(), card="check_card")
    assert errand is not None
    assert errand.id == "check_card"
    assert someone.names.index("home.looking") < someone.names.index("home.card")


def test_the_wait_is_short() -> None:
    """Reading a card takes well under a second; with the register's word it is said within two."""
    assert AT_ONCE_S < REGISTER_S <= 1.0


async def nobody(facts: CardFacts) -> bool:
    return False


async def everybody(facts: CardFacts) -> bool:
    return True


async def test_an_administrators_card_may_lead_to_the_menu_and_the_holders_does_not(room: Room) -> None:
    errand, _ = await chosen(room, register(room), {"administers": everybody}, card="administrate")
    assert errand is not None
    assert errand.id == "administrate"
    with pytest.raises(AssertionError, match="there is no"):
        await chosen(room, register(room), {"administers": nobody}, card="administrate")


async def test_a_card_in_the_second_reader_is_a_log_in_once_the_one_left_there_was_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, taken = asyncio.Event(), asyncio.Event()

    async def seen_to_be_taken(reader: Any) -> None:
        await wait_until_empty(reader)
        taken.set()

    monkeypatch.setattr(module, "wait_until_empty", seen_to_be_taken)
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, replace(OWN, hand=("13:new",), second_reader=True))
        try:
            reader = {"administrator_reader": room.caps.administrator_reader}
            errand, _ = await chosen(room, register(room), reader, home=puts("13:new", "administrator"))
            assert errand is not None
            assert errand.id == "administrate"
            waiting = asyncio.ensure_future(chosen(room, register(room), reader, home=lambda person: asked.set()))
            await asyncio.wait_for(asked.wait(), LIMIT_S)
            await asyncio.sleep(0.05)  # time to make the mistake
            assert not waiting.done(), "a card that was left in counts for nothing"
            room.world.remove("administrator")
            await asyncio.wait_for(taken.wait(), LIMIT_S)
            room.world.insert("13:new", "administrator")
            await asyncio.wait_for(waiting, LIMIT_S)
        finally:
            await room.close()


async def test_a_card_that_comes_while_the_home_screen_is_drawn_anew_counts_as_just_put_in(tmp_path: Path) -> None:
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, replace(OWN, hand=("13:new",), second_reader=True))
        try:
            seen, reader = UnclaimedCard(), room.caps.administrator_reader
            assert not await seen.look(reader)
            room.world.insert("13:new", "administrator")
            assert not await seen.look(reader), "it came between two pictures"
            seen.errand_ended = True
            assert await seen.look(reader), "it was left behind"
            assert await seen.look(reader)
            room.world.remove("administrator")
            assert not await seen.look(reader)
        finally:
            await room.close()


@pytest.mark.parametrize(
    ("state", "said"),
    [("handed_out", "finding.not_handed_over.title"), ("active", "finding.certificate_expires_soon.title")],
)
async def test_a_card_that_nobody_has_handed_over_is_told_to_be_so_and_leads_there(
    room: Room, state: CardState, said: str
) -> None:
    room.orders.all = (structs.replace(order_of(1), card_number=NUMBER, delivery="post", slot=0),)
    _, someone = await chosen(room, register(room, state), card="end")
    assert shown(someone)[0] == said
    assert (shown(someone)[1] == "activate") is (state == "handed_out")


async def test_out_of_service_says_so_in_the_title(room: Room) -> None:
    _, someone = await chosen(room, register(room), {"closed": lambda: "repair"}, card="end")
    assert [line.key for line in (someone.shown[0].title, *someone.shown[0].lead)] == [
        "home.closed", "home.closed.repair", "closed.inside",
    ]  # fmt: skip


async def test_a_card_put_in_while_the_home_screen_is_drawn_anew_is_no_card_left_in(room: Room) -> None:
    unclaimed = UnclaimedCard()
    reader = room.caps.reader
    assert not await unclaimed.look(reader)
    room.world.insert("1:old", "holder")
    assert not await unclaimed.look(reader)
    unclaimed.errand_ended = True
    assert await unclaimed.look(reader)


async def test_a_card_that_is_put_in_while_the_other_errands_are_shown_is_read_all_the_same(room: Room) -> None:
    errand, someone = await chosen(room, register(room), home="more", more=puts(MINE), card="check_card")
    assert errand is not None
    assert (someone.names, errand.id) == (["home", "home.more", "home.card"], "check_card")


async def test_nobody_is_offered_to_change_a_code_that_is_locked(room: Room) -> None:
    locked(room)
    errand, someone = await chosen(room, register(room), card="unblock")
    assert errand is not None
    assert errand.journey is unblock
    view = next(view for view in someone.shown if view.name == "home.card")
    assert isinstance(view, Choose)
    assert [option.value for option in view.options] == ["unblock", "unlock_without_letter"]


async def test_whoever_has_no_letter_says_so_on_the_menu(room: Room) -> None:
    locked(room)
    errand, _ = await chosen(room, register(room), card="unlock_without_letter")
    assert errand is not None
    assert (errand.id, errand.journey) == ("unblock", unlock_without_letter)


def menu(*codes: str, pin: str = "ok") -> Choose:
    """The menu of a card with these findings, whose own code is so."""
    pins = tuple(replace(each, state="locked") if pin == "locked" else each for each in CARD_FACTS.pins)
    errands = {rule.code: (rule.errand, rule.who) for rule in RULES}
    found = [CardFinding(FindingCode(code), *errands[FindingCode(code)]) for code in codes]
    return card_view(replace(CARD_FACTS, pins=pins), found, [(errand, None) for errand in ERRANDS])


@pytest.mark.parametrize(
    ("codes", "pin", "offered", "why"),
    [
        ((), "ok", ["change_pin", "check_card", "return_card"], None),
        (("pin_locked",), "locked", ["unblock", "unlock_without_letter"], "unblock"),
        (("not_by_holder",), "locked", ["unblock", "check_card", "return_card"], "helped"),
        (("puk_locked",), "locked", ["check_card", "return_card"], None),
        (
            ("pin_locked", "certificate_expires_soon"),
            "locked",
            ["unblock", "unlock_without_letter"],
            "unblock",
        ),
        (("leaver",), "ok", ["return_card", "check_card"], "return_card"),
        (("blocked",), "ok", ["return_card", "check_card"], "return_card"),
        (("on_hold",), "ok", ["found_again", "check_card", "change_pin"], "report_lost"),
        (("not_activated",), "ok", ["activate", "check_card", "change_pin"], "activate"),
        (("not_handed_over",), "ok", ["activate", "check_card", "return_card"], "activate"),
        (("pin_initial",), "ok", ["change_pin", "check_card", "return_card"], "change_pin"),
        (("certificate_expires_soon",), "ok", ["renew_certificate", "check_card", "change_pin"], "renew_certificate"),
        (("name_changed",), "ok", ["check_card", "change_pin", "return_card"], None),
    ],
)
def test_the_menu_offers_what_can_be_done_and_fills_what_helps(
    codes: tuple[str, ...], pin: str, offered: list[str], why: str | None
) -> None:
    view = menu(*codes, pin=pin)
    assert [option.value for option in view.options] == offered
    filled = [option for option in view.options if option.filled]
    assert [(option.value, option.detail) for option in filled] == (
        [(offered[0], say(f"home.card.why.{why}"))] if why else []
    )


def test_the_menu_shows_the_card_resting_and_says_that_it_stays_in() -> None:
    """Nobody is shown how to pull a card out that is to be used."""
    for view in (menu(), menu("pin_locked", pin="locked")):
        assert view.drawing == RestingDrawing(("holder",), say("home.card.stay"))


async def test_what_is_not_on_the_menu_is_behind_it(room: Room) -> None:
    errand, someone = await chosen(room, register(room), card=["others", "others"], card_others=["back", "clean_up"])
    assert errand is not None
    assert errand.id == "clean_up"
    assert someone.names == ["home", "home.card", "home.card_others", "home.card", "home.card_others"]
