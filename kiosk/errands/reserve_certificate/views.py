"""The views of a certificate to a reserve card: level 2 ends, who is here, whose card it is, and the end."""

from datetime import date

from kiosk.issuer.ports import Offer
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import stop, strange_note
from kiosk.steps.context import Scene, Whose
from kiosk.steps.view_helpers import cancel, day, go, person, tail
from kiosk.views import Await, Choose, Confirm, Fact, Note, Option, Point, ReaderDrawing, Tell, say


def phased_out(scene: Scene, last: date) -> Tell:
    """Level 2 ends, before anything is done."""
    return Tell(
        name=scene.name("phased_out"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="calendar-clock",
        title=say("reserve.phased_out.title", day=day(last)),
        lead=(say("reserve.phased_out.lead"),),
        points=(Point(say("reserve.phased_out.do"), mark="number"),),
        way_out=cancel(),
        primary=go("next", "button.next"),
    )


def who(scene: Scene) -> Choose:
    """Own ordinary card, or an administrator beside."""
    return Choose(
        name=scene.name("who"),
        errand=scene.title,
        step=scene.step,
        title=say("who.title"),
        lead=(say("reserve.who.lead"),),
        options=(
            Option("own_card", say("reserve.who.own_card"), say("reserve.who.own_card.detail"), "smart-card-outline"),
            Option("administrator", say("who.administrator"), say("who.administrator.detail"), "account-check-outline"),
        ),
        way_out=cancel(),
    )


def level(scene: Scene) -> Choose:
    """With an administrator: level 2, or level 3, which takes another one."""
    return Choose(
        name=scene.name("level"),
        errand=scene.title,
        step=scene.step,
        title=say("reserve.level.title"),
        options=(
            Option("2", say("reserve.level.2"), say("reserve.level.2.detail"), "account-outline"),
            Option("3", say("reserve.level.3"), say("reserve.level.3.detail"), "account-check-outline"),
        ),
        way_out=cancel(),
    )


def insert_own(scene: Scene, strange: Strangeness | None) -> Await:
    """The holder's other card, which is valid."""
    return _insert(scene, "insert_own", "reserve.insert_own.title", strange)


def insert(scene: Scene, strange: Strangeness | None) -> Await:
    """The reserve card."""
    return _insert(scene, "insert", "reserve.insert.title", strange)


def _insert(scene: Scene, name: str, title: str, strange: Strangeness | None) -> Await:
    return Await(
        name=scene.name(name),
        errand=scene.title,
        step=scene.step,
        title=say(title),
        lead=(say("insert.lead"), say("insert.stay")),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=ReaderDrawing(),
        way_out=cancel(),
        waits_for=say("wait.card"),
    )


def take_own(scene: Scene) -> Await:
    """Out with it: the reserve card is next."""
    return Await(
        name=scene.name("take_own"),
        errand=scene.title,
        step=scene.step,
        title=say("reserve.take_own.title"),
        lead=(say("reserve.take_own.lead"),),
        drawing=ReaderDrawing("out"),
        way_out=cancel(),
        waits_for=say("wait.taken"),
    )


def begin(scene: Scene, whose: Whose, offer: Offer) -> Confirm:
    """Whose card it is, what it gets, and how long: never longer than the assignment."""
    return Confirm(
        name=scene.name("begin"),
        errand=scene.title,
        step=scene.step,
        title=say("reserve.begin.title"),
        points=(
            Point(
                say("reserve.begin.level", level=offer.loa),
                say("reserve.begin.level.detail"),
                icon="certificate-outline",
            ),
            Point(say("reserve.begin.one"), say("reserve.begin.one.detail"), icon="account-outline"),
        ),
        facts=(
            Fact(say("fact.card"), f"…{tail(whose.card_number)}"),
            Fact(say("fact.holder"), person(whose)),
            Fact(say("renew.fact.until"), day(date.fromisoformat(offer.not_after))),
        ),
        warning=say("renew.begin.warning"),
        way_out=cancel(),
        primary=go("begin", "renew.begin.go"),
        needs_card=True,
    )


def own_not_valid(scene: Scene) -> StopError:
    """The card with which the holder wanted to show who they are does not count."""
    return stop(scene, "refused", "own_not_valid")


def no_reserve_card(scene: Scene) -> StopError:
    """The register does not know it as a reserve card."""
    return stop(scene, "refused", "no_reserve_card")


def other_person(scene: Scene) -> StopError:
    """It was given to somebody else: one card to one person, ever."""
    return stop(scene, "refused", "other_person")


def two_administrators(scene: Scene) -> StopError:
    """Only level 3 is left, which takes two ID administrators."""
    return stop(scene, "refused", "two_administrators")
