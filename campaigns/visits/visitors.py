"""Visitors of the mix: which errand each begins, with which card, and what they do at each question.

Who is asked for an administrator's card while none is there leaves by the way out, as anybody would.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from campaigns.visits.issuers import VisitIssuer
from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.messages.leavers import leaver_digest
from fleet.server.worklist.model import Action, Kind
from kiosk.errands.activate.stories import NEW_NUMBER, TWO_READERS, by_post
from kiosk.errands.change_pin.stories import change
from kiosk.errands.check_card.stories import check
from kiosk.errands.renew_certificate.stories import renew
from kiosk.errands.report_lost.stories import lost
from kiosk.errands.reserve_certificate.stories import ATTENDED, RESERVED, spare
from kiosk.errands.return_card.stories import back, of_a_stranger
from kiosk.errands.unblock.stories import carried, unlock
from kiosk.issuer.ports import Offer
from kiosk.steps.certificate.from_portal import LOOK_S
from kiosk.views import CANCEL, Choose, View
from sim.reader.administrative_key import key_of
from sim.reader.personas import person
from sim.stories.certificates import LAST_DAY
from sim.stories.errand_stories import OWN
from sim.stories.own_card import MINE, locked, product
from sim.stories.person import PATIENCE, Person, Story, StoryAction, lingers, puts
from sim.stories.room import OLD_PIN, Room, persona_of
from sim.stories.setting import Setting, attended, own_card

HOLDER, NUMBER = persona_of(MINE).hsa_id, persona_of(MINE).card_number
WITH_ADMINISTRATOR = replace(OWN, hand=(MINE, "10:old", "13:new"), second_reader=True)


class Guest(Person):
    """A person who answers a question the same each time that it comes, and leaves where the story does not foresee one."""

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self.awkward = True

    def _answer_of_story(self, view: View[Any]) -> str | None:
        actions = self._story.get(view.name)
        if not actions or self.asked > PATIENCE:
            return self._leaving(view)
        action = actions[0] if len(actions) == 1 else actions.popleft()
        return action if isinstance(action, str) else action(self)


def nothing(room: Room, issuer: VisitIssuer) -> None:
    """The room and the issuer as they are."""


@dataclass(frozen=True)
class Visitor:
    """One row of the mix. `card`: the number that the visit is about."""

    errand: str
    story: Callable[[], Story]
    setting: Setting = WITH_ADMINISTRATOR
    prepare: Callable[[Room, VisitIssuer], None] = nothing
    card: str = NUMBER
    later: Mapping[str, StoryAction | Sequence[StoryAction]] = field(default_factory=dict)
    """What is done where no administrator is there."""
    again: Callable[[], Story] | None = None
    """What is done where the first try was refused, and an administrator is there, to whom the last screen sends the visitor."""
    row: tuple[Kind, Action] | None = None
    """The row of the server's worklist that the administrator brings to its end before that, and how."""


def prefer(*values: str) -> StoryAction:
    """The first of these that is offered; the way out where none is."""

    def choose(someone: Person) -> str:
        view = someone.shown[-1]
        offered = {button.value for button in (view.primary, view.side) if button is not None}
        if isinstance(view, Choose):
            offered |= {option.value for option in view.options if option.reason is None}
        return next((value for value in values if value in offered), CANCEL)

    return choose


def _is_locked(room: Room, issuer: VisitIssuer) -> None:
    locked(room)


def _of_administrators(room: Room, issuer: VisitIssuer) -> None:
    locked(room)
    product(unblocking={"by": "administrator"})(room)


def _offers(profile: str, *, reserve: bool = False) -> Callable[[Room, VisitIssuer], None]:
    def prepare(room: Room, issuer: VisitIssuer) -> None:
        issuer.cards[NUMBER] = CardRecord(NUMBER, HOLDER, "6XX", "active", reserve=reserve)
        issuer.offered = [Offer(profile, 2 if reserve else 3, LAST_DAY)]  # type: ignore[arg-type]

    return prepare


def _has_left(room: Room, issuer: VisitIssuer) -> None:
    """The issuer's register says so, and the list of leavers that every station has."""
    issuer.people[HOLDER] = DirectoryPerson(HOLDER, "Alva", left="2026-02-01")
    ders = [key.certificate.public_bytes(Encoding.DER) for key in room.world.card(MINE).keys]
    room.orders.leavers.update(map(leaver_digest, ders))


def _posted(room: Room, issuer: VisitIssuer) -> None:
    issuer.cards[NEW_NUMBER] = CardRecord(NEW_NUMBER, HOLDER, "6XX", "handed_out")


def _stranger(room: Room, issuer: VisitIssuer) -> None:
    del issuer.cards[NUMBER]
    of_a_stranger(room)


WITHOUT = {"without": prefer("administrator", "letter"), "administrator_only": prefer("administrator", "letter")}
LETTER = {
    "order_letter": "order",
    "letter_ordered": "end",
    "letter_noted": "end",
    "without": prefer("letter"),
    "administrator_only": prefer("letter"),
}
PICKUP = Setting(second_reader=True)
BLOCKED_THERE: dict[str, Any] = {
    "portal_offer": "administrator",
    "insert_administrator": puts("13:new", "administrator"),
    "pin_administrator": OLD_PIN,
    "portal_block": "blocked",
}
"""Where the issuer's portal is for people, an administrator who is free blocks the card there at once."""
NOBODY_HERE = {"portal_offer": "later"}
MADE_THERE: dict[str, Any] = {"portal_certificate": lingers(LOOK_S), "portal_comes_back": "end"}
"""A certificate: the visitor stays while an administrator makes it in the portal."""
COMES_BACK = {"portal_certificate": "later"}


VISITORS: dict[str, Visitor] = {
    "works": Visitor("check_card", check()),
    "changes_pin": Visitor("change_pin", change()),
    "letter_6xx": Visitor("unblock", unlock(), prepare=_is_locked),
    "no_letter_6xx": Visitor("unblock", carried(**LETTER | WITHOUT), prepare=_is_locked, later=LETTER),
    "locked_7xx": Visitor("unblock", carried(**LETTER | WITHOUT), prepare=_of_administrators, later=LETTER),
    "own_card": Visitor("pickup", own_card, PICKUP, card=person(1).new.card_number),
    "attended": Visitor("pickup", attended, PICKUP, card=person(1).new.card_number),
    "protected": Visitor("pickup", lambda: own_card(5), replace(PICKUP, number=5), card=person(5).new.card_number),
    "order_expired": Visitor(
        "pickup",
        own_card,
        replace(PICKUP, order={"last_day": "2026-02-01"}),
        card=person(1).new.card_number,
        again=own_card,
        row=("expired", "prolong"),
    ),
    "own_card_expired": Visitor(
        "pickup",
        lambda: own_card(4),
        replace(PICKUP, number=4),
        card=person(4).new.card_number,
        again=lambda: attended(4),
    ),
    "by_post": Visitor("activate", by_post(), TWO_READERS, _posted, NEW_NUMBER, {"needed": "nobody"}),
    "leaver": Visitor("pickup", own_card, PICKUP, _has_left, person(1).new.card_number),
    "renews": Visitor("renew_certificate", renew(**MADE_THERE), prepare=_offers("identification"), later=COMES_BACK),
    "reserve_own": Visitor(
        "reserve_certificate", spare(**MADE_THERE), RESERVED, _offers("reserve", reserve=True), later=COMES_BACK
    ),
    "reserve_attended": Visitor(
        "reserve_certificate",
        spare(**ATTENDED, **MADE_THERE),
        RESERVED,
        _offers("reserve", reserve=True),
        later=COMES_BACK,
    ),
    "lost": Visitor("report_lost", lost(**BLOCKED_THERE), later=NOBODY_HERE),
    "forgotten": Visitor("report_lost", lost("forgotten")),
    "returns": Visitor("return_card", back(**BLOCKED_THERE), later=NOBODY_HERE),
    "returns_locked": Visitor("return_card", back(know_code="no", **BLOCKED_THERE), later=NOBODY_HERE),
    "dead_chip": Visitor("return_card", back(insert="number", **BLOCKED_THERE), later=NOBODY_HERE),
    "foreign": Visitor("return_card", back(not_ours=CANCEL), prepare=_stranger),
}


def prepare_issuer(room: Room, issuer: VisitIssuer) -> None:
    """The register knows the holder, the cards and the administrators; the issuer has each card's key."""
    issuer.add(DirectoryPerson(HOLDER, "Alva"), CardRecord(NUMBER, HOLDER, "6XX", "active"))
    issuer.management_keys[NUMBER] = key_of(persona_of(MINE).serial)
    issuer.administrators = {persona_of(name).hsa_id: persona_of(name).name for name in ("13:new", "14:new")}
    ports = issuer.ports()
    room.equip(**ports)


def actions_of(visitor: Visitor, story_of: Callable[[], Story], *, attends: bool, slips: bool) -> dict[str, Any]:
    """Return what this visitor does at each question of that story."""
    story: dict[str, Any] = dict(story_of())
    errand = visitor.errand
    if not attends:
        story |= {f"{errand}.{name}": action for name, action in visitor.later.items()}
        story |= {f"{errand}.insert_administrator": CANCEL}
    pin = "pin_old" if f"{errand}.pin_old" in story else "pin"
    if slips and isinstance(story.get(f"{errand}.{pin}"), str):
        story[f"{errand}.{pin}"] = ["60606060", story[f"{errand}.{pin}"]]
        story[f"{errand}.{pin}_wrong"] = "again"
    return story
