"""Stories of `unblock`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from drivers.reader.pin.try_ledger import LOCKED
from fleet.messages.issuing import CardRecord, CardState, DirectoryPerson
from kiosk.region import BothLanguages, ByPeople
from kiosk.views import ChallengeDrawing
from sim.reader.administrative_key import answer_to, key_of
from sim.reader.personas import person
from sim.stories.administrator import too_old
from sim.stories.errand_stories import ErrandStory
from sim.stories.issuer import SimulatedIssuer
from sim.stories.own_card import MINE, WRONG_PUK, WRONG_PUKS, code_is, locked, product, traited, trusting
from sim.stories.person import Person, Story, first, leaves, pulls, pulls_lit, puts
from sim.stories.register import HOLDER, NUMBER, both
from sim.stories.room import OLD_PIN, Room, authority, persona_of
from sim.stories.setting import NEW_PIN, Setting

PUK = person(1).old.puk


def unlock(**changed: Any) -> Callable[[], Story]:
    """The envelope is at hand, and a new code is chosen."""
    story = {
        "insert": puts(MINE),
        "locked": "unblock",
        "puk": PUK,
        "new_pin": NEW_PIN,
        "repeat_pin": NEW_PIN,
        "write": "write",
        "done": "end",
        "pulled": puts(MINE),
        "check_code": NEW_PIN,
        "not_written": "again",
        **changed,
    }
    return lambda: {f"unblock.{name}": action for name, action in story.items()} | {"closing.take_card": pulls()}


def keeps_its_code(room: Room) -> None:
    """Locked, and its PUK gives the old code its tries back: this product takes no new code with it."""
    locked(room)
    product(commands={"unblock": "puk"})(room)


PUK_16 = PUK * 2


def long_puk(*traits: str, puk: dict[str, Any]) -> Callable[[Room], None]:
    """Locked, with a PUK of 16 digits."""

    def prepare(room: Room) -> None:
        traited("puk-16", *traits)(room)
        locked(room)
        product(puk={"min_length": 16, "max_length": 16, **puk})(room)

    return prepare


ADMINISTRATOR = persona_of("13:new")
TWO_READERS = Setting(slots={}, hand=(MINE, "10:old", "13:new"), orders=(), second_reader=True)
ONE_READER = replace(TWO_READERS, second_reader=False)


def by_hand(reader: str = "administrator", **changed: Any) -> Callable[[], Story]:
    """No envelope, and an administrator is here."""
    story = {
        "puk": "no_envelope",
        "without": "administrator",
        "insert_administrator": puts("13:new", reader),
        "pin_administrator": OLD_PIN,
        "document": "driving_licence",
        "document_digits": "0815",
        "take_own": pulls(),
        "take_administrator": pulls(reader),
        **changed,
    }
    return lambda: {**unlock(**story)(), "closing.take_card": pulls_lit}


def issuer(*, online: bool = True, key: bool = True, puk: bool = False, **declines: str) -> Callable[[Room], None]:
    """A server that knows the administrator, and has the card's key, or its sealed PUK, or none of them."""

    def prepare(room: Room) -> None:
        simulator = SimulatedIssuer(authority(), room.clock)
        simulator.add(DirectoryPerson(HOLDER, "Alva"), CardRecord(NUMBER, HOLDER, "6XX", "active"))
        simulator.administrators = {ADMINISTRATOR.hsa_id: ADMINISTRATOR.name}
        if key:
            simulator.management_keys[NUMBER] = key_of(persona_of(MINE).serial)
        else:
            simulator.declines["unblock"] = "no_key"
        if puk:
            simulator.pukes[NUMBER] = PUK
        simulator.declines |= declines
        simulator.online = online
        room.equip(**simulator.ports())

    return both(locked, prepare)


def register_says(product: str = "ordinary", **facts: Any) -> Callable[[Room], None]:
    """A register that has the card as it says, and an issuer with its key."""

    def prepare(room: Room) -> None:
        issuer()(room)
        simulator = room.caps.card_keys
        assert isinstance(simulator, SimulatedIssuer)
        of_person = {name: facts[name] for name in ("left", "continued") if name in facts}
        of_card = {name: fact for name, fact in facts.items() if name not in of_person}
        simulator.add(
            DirectoryPerson(HOLDER, "Alva", **of_person),
            CardRecord(NUMBER, HOLDER, product, **{"state": "active"} | of_card),
        )

    return prepare


printed = product(unblocking={"by": "printed"})
"""The chip does not tell who may unlock the card."""


def read_on_card(code: str, **changed: Any) -> Callable[[], Story]:
    """The holder takes the card out, reads the code on it, and puts it in again."""
    return by_hand(**{"take_to_read": pulls(), "product_code": code, "insert": [puts(MINE), puts(MINE)], **changed})


def puk_dead(room: Room) -> None:
    """No try of the PUK is left."""
    room.world.card(MINE).codes.puk.tries_left = 0


def puk_counted(used: int) -> Callable[[Room], None]:
    """The station has counted so many wrong PUKs of a card that tells no tries of its PUK, and has no key of its own."""

    def prepare(room: Room) -> None:
        product(unblocking={"admin": "none"}, commands={"counter_of_puk": "none"})(room)
        room.settings.ledger.settle(NUMBER, "02-puk-02", used)

    return both(locked, prepare)


of_the_administrators = product(unblocking={"by": "administrator", "admin": "none"})
"""A product that only an administrator may unlock, and that has no key of its own."""
of_the_administrators_and_keeps = product(
    unblocking={"by": "administrator", "admin": "none"}, commands={"unblock": "verify-then-reset"}
)
"""The same, and its PUK gives the old code its tries back."""


def audit(*actions: str) -> Callable[[Room], None]:
    """The two names in the server's audit, and the code."""

    def look(room: Room) -> None:
        simulator = room.caps.card_keys
        assert isinstance(simulator, SimulatedIssuer)
        assert simulator.told == [(action, NUMBER, ADMINISTRATOR.hsa_id, HOLDER) for action in actions]
        code_is(NEW_PIN)(room)

    return look


def unchanged(room: Room) -> None:
    """Nobody was asked for anything, and the card is as it was."""
    simulator = room.caps.card_keys
    assert isinstance(simulator, SimulatedIssuer)
    assert simulator.told == []
    code_is(OLD_PIN, tries=(0, 10))(room)


def anothers_key(room: Room) -> None:
    """The issuer's register has another card's key under this number."""
    simulator = room.caps.card_keys
    assert isinstance(simulator, SimulatedIssuer)
    simulator.management_keys[NUMBER] = bytes(32)


def few_tries_of_puk(room: Room) -> None:
    """Wrong PUKs were typed somewhere else."""
    room.world.card(MINE).codes.puk.tries_left = 2


def letter_alone(room: Room) -> None:
    """A letter was ordered, and the card is as it was."""
    simulator = room.caps.card_keys
    assert isinstance(simulator, SimulatedIssuer)
    assert [entry[0] for entry in simulator.told if entry[0] != "unblock"] == ["letter"]
    code_is(OLD_PIN, tries=(0, 10))(room)


def portal(room: Room) -> None:
    """Letters are ordered by people, in the issuer's portal; the region says by whom and how soon."""
    simulator = room.caps.card_keys
    assert isinstance(simulator, SimulatedIssuer)
    simulator.by_people = True
    by = BothLanguages(sv="Kortkontoret", en="The card office")
    room.equip(region=room.caps.region.model_copy(update={"letters_by_hand": ByPeople(by=by, hours=24)}))


def letter_noted_alone(room: Room) -> None:
    """A letter was asked for, and the card is as it was."""
    simulator = room.caps.card_keys
    assert isinstance(simulator, SimulatedIssuer)
    assert simulator.told == [("letter noted", NUMBER)]
    code_is(OLD_PIN, tries=(0, 10))(room)


ATTESTED = ("identity.attested",)


def by_portal(*, puk: bool = False, online: bool = True) -> Callable[[Room], None]:
    """An issuer whose portal is for people. `puk`: the card has no key of its own, and the portal shows its PUK."""

    def prepare(room: Room) -> None:
        issuer(online=online)(room)
        issuer_of(room).unlocks_by_people = True
        if puk:
            of_the_administrators(room)

    return prepare


def issuer_of(room: Room) -> SimulatedIssuer:
    simulator = room.caps.card_keys
    assert isinstance(simulator, SimulatedIssuer)
    return simulator


def read_in_portal(someone: Person) -> str:
    """Type the challenge that was shown last in the portal, and read the response."""
    drawings = (view.drawing for view in reversed(someone.shown) if view.name == "unblock.portal_challenge")
    drawing = next(drawings)
    assert isinstance(drawing, ChallengeDrawing)
    key = key_of(persona_of(MINE).serial)
    return answer_to(bytes.fromhex(drawing.digits), key).hex().upper()


def mistyped(someone: Person) -> str:
    """The same with one character wrong."""
    right = read_in_portal(someone)
    return right[:-1] + ("0" if right[-1] != "0" else "1")


def carried(**changed: Any) -> Callable[[], Story]:
    """An administrator attends, and carries challenge and response between the card and the portal."""
    story: dict[str, Any] = {
        "portal_challenge": "typed", "portal_response": read_in_portal, "portal_compare": "send", **changed,
    }  # fmt: skip
    return by_hand(**story)


def key_tries(left: int, code: str = NEW_PIN, **about: Any) -> Callable[[Room], None]:
    """So many tries of the card's own key, by the card itself; and its code."""

    def look(room: Room) -> None:
        key = room.world.card(MINE).codes.administrator
        assert key is not None
        assert key.tries_left == left
        code_is(code, **about)(room)

    return look


def letter_instead(room: Room) -> None:
    """A letter was ordered, and no response went to the card."""
    assert ("letter", NUMBER, HOLDER) in issuer_of(room).told
    key_tries(5, OLD_PIN, tries=(0, 10))(room)


NEW = "1:new"
POSTED = Setting(slots={}, hand=(NEW, "10:old", "13:new"), order={"delivery": "post", "slot": 0}, second_reader=True)
"""The card came by post, with its letter, and nobody has handed it over."""
WAITING = replace(POSTED, order={})
"""The card lay in a slot, and somebody has it."""
NOT_YET = {"outcome": "refused", "reason": "not_handed_over", "events": (), "check": code_is(person(1).new.pin, of=NEW)}


def new_card(state: CardState = "handed_out", *, online: bool = True, **more: Any) -> Callable[[Room], None]:
    """The register has the new card in that state, with what more is known of it."""

    def prepare(room: Room) -> None:
        issuer(puk=True, online=online)(room)
        card = CardRecord(person(1).new.card_number, HOLDER, "6XX", state, **more)
        issuer_of(room).add(DirectoryPerson(HOLDER, "Alva"), card)

    return prepare


def unlock_new(**changed: Any) -> Callable[[], Story]:
    """The same with the card and the letter that just came."""
    return unlock(insert=puts(NEW), not_locked="unblock", puk=person(1).new.puk, **changed)


STORIES = [
    ErrandStory(
        "unblock: nobody can check the issuer here, which is said before the PUK", "unblock",
        unlock(cannot_test="next", untested="end"), reason="unchecked", prepare=both(trusting(), locked),
        views=("unblock.cannot_test", "unblock.puk", "unblock.testing", "unblock.untested"),
        events=("card.unblock accepted",), check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "unblock: a PUK of 16 digits", "unblock", unlock(puk=PUK_16), prepare=long_puk(puk={}),
        events=("card.unblock accepted", "receipt.issued"), check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "unblock: a PUK of 16 digits that the card does not list", "unblock", unlock(puk=PUK_16),
        prepare=long_puk("no-puk-object", puk={"stored_length": 16}),
        events=("card.unblock accepted", "receipt.issued"), check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "unblock: the product's PUK is not the card's", "unblock", unlock(**{"stop.not_unblockable": "end"}),
        prepare=long_puk(puk={"min_length": 8, "max_length": 8}), outcome="refused", reason="not_unblockable", events=(),
        check=code_is(OLD_PIN, tries=(0, 10)),
    ),
    ErrandStory(
        "unblock: with the envelope",
        "unblock",
        unlock(),
        prepare=locked,
        events=("card.unblock accepted", "receipt.issued"),
        check=code_is(NEW_PIN),
        troubled=True, touched=True,
    ),
    ErrandStory(
        "unblock: a wrong PUK, then the right one",
        "unblock",
        unlock(puk=WRONG_PUK, puk_wrong=PUK),
        prepare=locked,
        events=("card.unblock wrong_code", "card.unblock accepted", "receipt.issued"),
        check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "unblock: a forgotten code on a card that is not locked",
        "unblock",
        unlock(not_locked="unblock"),
        check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "unblock: a product that keeps its code, which is known",
        "unblock",
        unlock(old_code_applies="known", pin=OLD_PIN),
        prepare=keeps_its_code,
        events=("card.unblock accepted", "receipt.issued"),
        views=("unblock.write", "unblock.old_code_applies", "unblock.pin", "unblock.done"),
        check=code_is(OLD_PIN),
        troubled=True,
        reasons=frozenset({"old_code_forgotten"}),
    ),
    ErrandStory(
        "unblock: a product that keeps its code, which is forgotten",
        "unblock",
        unlock(old_code_applies="forgotten", **{"stop.old_code_forgotten": "end"}),
        prepare=keeps_its_code,
        outcome="refused",
        reason="old_code_forgotten",
        events=("card.unblock accepted",),
        check=code_is(OLD_PIN),
    ),
    ErrandStory(
        "unblock: nobody has tried the product, which is said before any code",
        "unblock",
        unlock(**{"stop.read_only": "end"}),
        prepare=both(product(proved="none"), locked),
        outcome="refused",
        reason="read_only",
        views=("unblock.insert", "unblock.stop.read_only"),
        check=code_is(OLD_PIN, tries=(0, 10)),
    ),
    ErrandStory(
        "unblock: no envelope, and nobody to order one from",
        "unblock",
        unlock(puk="no_envelope", without="letter", order_letter="order", **{"stop.letter_unavailable": "end"}),
        prepare=locked,
        outcome="fault",
        reason="letter_unavailable",
        check=code_is(OLD_PIN, tries=(0, 10)),
    ),
    ErrandStory(
        "unblock: wrong PUKs until the station stops",
        "unblock",
        unlock(puk=WRONG_PUK, puk_wrong=[*WRONG_PUKS], **{"stop.puk_floor": "end"}),
        prepare=locked,
        outcome="refused",
        reason="puk_floor",
        check=code_is(OLD_PIN, tries=(0, 2)),
    ),
    ErrandStory(
        "unblock: the station has counted too many wrong PUKs: nobody is asked for one", "unblock",
        unlock(**{"stop.puk_not_sent": "end"}), prepare=puk_counted(7), outcome="refused", reason="puk_not_sent",
        check=code_is(OLD_PIN, tries=(0, 10)), views=("unblock.insert", "unblock.stop.puk_not_sent"), events=(),
    ),
    ErrandStory(
        "unblock: the card says that two tries of the PUK are left: nobody is asked for one", "unblock",
        unlock(**{"stop.puk_not_sent": "end"}),
        prepare=both(product(unblocking={"admin": "none"}), both(locked, few_tries_of_puk)), outcome="refused",
        reason="puk_not_sent", check=code_is(OLD_PIN, tries=(0, 2)), events=(),
    ),
    ErrandStory(
        "unblock: a PUK that the card called used up before", "unblock", unlock(**{"stop.puk_locked": "end"}),
        prepare=puk_counted(LOCKED), outcome="refused", reason="puk_locked", check=code_is(OLD_PIN, tries=(0, 10)), events=(),
    ),
    ErrandStory(
        "unblock: few tries of the PUK, and an administrator with the card's own key", "unblock",
        by_hand(administrator_only="administrator"), TWO_READERS, prepare=both(issuer(), few_tries_of_puk),
        events=(*ATTESTED, "card.unblock accepted", "receipt.issued"), check=code_is(NEW_PIN, tries=(3, 2)),
    ),
    ErrandStory(
        "unblock: no envelope, and the card's own key answers", "unblock", by_hand(), TWO_READERS, prepare=issuer(),
        events=(*ATTESTED, "card.unblock accepted", "receipt.issued"), check=audit("unblock"), troubled=True,
        reasons=frozenset({"login_unavailable", "logged_out"}),
    ),
    ErrandStory(
        "unblock: with an administrator in the one reader, each card in turn", "unblock",
        by_hand("holder", insert=[puts(MINE), puts(MINE)]), ONE_READER, prepare=issuer(),
        events=(*ATTESTED, "card.unblock accepted", "receipt.issued"), check=audit("unblock"),
        views=("unblock.take_own", "unblock.insert_administrator", "unblock.take_administrator", "unblock.insert"),
    ),
    ErrandStory(
        "unblock: another card comes back into the one reader, then the right one", "unblock",
        by_hand("holder", insert=[puts(MINE), puts("10:old"), puts(MINE)]), ONE_READER, prepare=issuer(),
        check=audit("unblock"),
    ),
    ErrandStory(
        "unblock: the server has no key for this card, and the issuer releases its PUK once", "unblock", by_hand(),
        TWO_READERS, prepare=issuer(key=False, puk=True),
        events=(*ATTESTED, "card.unblock not_answered", "puk.release released", "card.unblock accepted", "receipt.issued"),
        check=audit("puk"),
    ),
    ErrandStory(
        "unblock: the PUK is used up, and only an administrator can help", "unblock",
        by_hand(administrator_only="administrator"), TWO_READERS, prepare=both(issuer(), puk_dead),
        events=(*ATTESTED, "card.unblock accepted", "receipt.issued"), check=code_is(NEW_PIN, tries=(3, 0)),
    ),
    ErrandStory(
        "unblock: a product of the administrators', with its PUK released once", "unblock",
        by_hand(administrator_only="administrator"), TWO_READERS, prepare=both(issuer(puk=True), of_the_administrators),
        events=(*ATTESTED, "puk.release released", "card.unblock accepted", "receipt.issued"), check=audit("puk"),
        views=("unblock.administrator_only", "unblock.asking", "unblock.done"),
    ),
    ErrandStory(
        "unblock: a product of the administrators' that keeps its code", "unblock",
        by_hand(administrator_only="administrator", old_code_applies="known", pin=OLD_PIN), TWO_READERS,
        prepare=both(issuer(puk=True), of_the_administrators_and_keeps), check=code_is(OLD_PIN),
        events=(*ATTESTED, "puk.release released", "card.unblock accepted", "receipt.issued"),
        views=("unblock.asking", "unblock.old_code_applies", "unblock.pin", "unblock.done"),
    ),
    ErrandStory(
        "unblock: neither key nor PUK, and a new letter instead", "unblock",
        by_hand(order_letter="order", letter_ordered="end"), TWO_READERS, prepare=issuer(key=False), reason="letter_ordered",
        check=letter_alone,
        events=(*ATTESTED, "card.unblock not_answered", "puk.release declined", "letter.order letter_ordered"),
    ),
    ErrandStory(
        "unblock: an administrator carries the challenge to the issuer's portal, and the response back", "unblock",
        carried(), TWO_READERS, prepare=by_portal(),
        events=(*ATTESTED, "card.unblock in_portal", "card.unblock accepted", "receipt.issued"), check=key_tries(5),
        views=(
            "unblock.asking_card", "unblock.portal_challenge", "unblock.portal_response", "unblock.portal_compare",
            "unblock.writing", "unblock.done",
        ), troubled=True, reasons=frozenset({"login_unavailable", "logged_out"}), touched=True,
    ),
    ErrandStory(
        "unblock: a response that was mistyped is seen before it goes to the card, and costs nothing", "unblock",
        carried(
            portal_challenge=["typed", "typed"], portal_response=[mistyped, "back", read_in_portal],
            portal_compare=["back", "send"],
        ), TWO_READERS, prepare=by_portal(), check=key_tries(5),
        events=(*ATTESTED, "card.unblock in_portal", "card.unblock accepted", "receipt.issued"),
    ),
    ErrandStory(
        "unblock: a wrong response costs a try, and a new one to a new challenge opens the card", "unblock",
        carried(portal_response=[mistyped, read_in_portal], portal_wrong="again"), TWO_READERS, prepare=by_portal(),
        check=key_tries(5), events=(
            *ATTESTED, "card.unblock in_portal", "card.unblock wrong_answer", "card.unblock accepted", "receipt.issued",
        ),
    ),
    ErrandStory(
        "unblock: a wrong response, and nobody tries another", "unblock",
        carried(portal_response=mistyped, portal_wrong="cancel"), TWO_READERS, prepare=by_portal(), outcome="cancelled",
        events=(*ATTESTED, "card.unblock in_portal", "card.unblock wrong_answer"),
        check=key_tries(4, OLD_PIN, tries=(0, 10)),
    ),
    ErrandStory(
        "unblock: wrong responses until the station stops, and the portal shows no PUK: a new letter", "unblock",
        carried(
            portal_response=mistyped, portal_wrong="again", portal_puk="nothing", order_letter="order",
            letter_ordered="end",
        ), TWO_READERS, prepare=by_portal(), reason="letter_ordered", check=key_tries(3, OLD_PIN, tries=(0, 10)),
        events=(
            *ATTESTED, "card.unblock in_portal", "card.unblock wrong_answer", "card.unblock wrong_answer",
            "puk.release in_portal", "letter.order letter_ordered",
        ),
    ),
    ErrandStory(
        "unblock: the portal gives no response for this card: a new letter", "unblock",
        carried(portal_challenge="nothing", order_letter="order", letter_ordered="end"), TWO_READERS,
        prepare=by_portal(), reason="letter_ordered", check=letter_instead,
        events=(*ATTESTED, "card.unblock in_portal", "letter.order letter_ordered"),
    ),
    ErrandStory(
        "unblock: whoever carries the challenge does not come back", "unblock",
        carried(portal_challenge=leaves), TWO_READERS, prepare=by_portal(), outcome="timed_out",
        check=key_tries(5, OLD_PIN, tries=(0, 10)),
    ),
    ErrandStory(
        "unblock: the card is pulled while the administrator is at the portal", "unblock",
        lambda: {**carried(portal_challenge=pulls())(), "closing.pulled": "end"}, TWO_READERS, prepare=by_portal(),
        outcome="cancelled", reason="card_pulled", check=key_tries(5, OLD_PIN, tries=(0, 10)),
    ),
    ErrandStory(
        "unblock: a product without a key of its own, and the PUK that the portal shows", "unblock",
        by_hand(administrator_only="administrator", portal_puk=PUK), TWO_READERS, prepare=by_portal(puk=True),
        events=(*ATTESTED, "puk.release in_portal", "card.unblock accepted", "receipt.issued"), check=code_is(NEW_PIN),
        views=("unblock.administrator_only", "unblock.portal_puk", "unblock.done"),
    ),
    ErrandStory(
        "unblock: the PUK of the portal mistyped once", "unblock",
        by_hand(
            administrator_only="administrator", portal_puk=WRONG_PUK, portal_puk_wrong=PUK,
        ), TWO_READERS, prepare=by_portal(puk=True), check=code_is(NEW_PIN), events=(
            *ATTESTED, "puk.release in_portal", "card.unblock wrong_code", "card.unblock accepted", "receipt.issued",
        ),
    ),
    ErrandStory(
        "unblock: mistyped PUKs of the portal until the station stops", "unblock",
        by_hand(
            administrator_only="administrator", portal_puk=WRONG_PUK, portal_puk_wrong=[*WRONG_PUKS],
            **{"stop.puk_floor": "end"},
        ), TWO_READERS, prepare=by_portal(puk=True), outcome="refused", reason="puk_floor",
        check=code_is(OLD_PIN, tries=(0, 2)),
    ),
    ErrandStory(
        "unblock: no envelope, and a person orders one in the issuer's portal", "unblock",
        unlock(puk="no_envelope", without="letter", order_letter="order", letter_noted="end"),
        prepare=both(issuer(), portal), reason="letter_noted", check=letter_noted_alone,
        events=("letter.order letter_noted",), views=("unblock.order_letter", "unblock.ordering", "unblock.letter_noted"),
    ),
    ErrandStory(
        "unblock: a product code of the holders' that the chip does not tell", "unblock",
        read_on_card("6XX", puk=PUK), TWO_READERS, prepare=both(printed, register_says()), check=code_is(NEW_PIN),
        events=("card.unblock accepted", "receipt.issued"),
        views=("unblock.take_to_read", "unblock.product_code", "unblock.insert", "unblock.puk"),
    ),
    ErrandStory(
        "unblock: a product code of the administrators'", "unblock",
        read_on_card("7XX", administrator_only="administrator"), TWO_READERS, prepare=both(printed, register_says()),
        check=audit("unblock"), views=("unblock.product_code", "unblock.administrator_only", "unblock.insert_administrator"),
    ),
    ErrandStory(
        "unblock: a product code of the administrators', none of whom is here", "unblock",
        read_on_card("7XX", administrator_only="cancel"), TWO_READERS, prepare=both(printed, register_says()),
        outcome="cancelled", check=unchanged, troubled=True,
    ),
    ErrandStory(
        "unblock: a product code that no rule names is the administrators'", "unblock",
        read_on_card("other", administrator_only="administrator"), TWO_READERS, prepare=both(printed, register_says()),
        check=audit("unblock"),
    ),
    ErrandStory(
        "unblock: a card without a product code", "unblock", read_on_card("none", puk=PUK), TWO_READERS,
        prepare=both(printed, register_says()), check=code_is(NEW_PIN), views=("unblock.product_code", "unblock.puk"),
    ),
    ErrandStory(
        "unblock: the register knows the product code, and nobody is asked for it", "unblock",
        by_hand(administrator_only="administrator"), TWO_READERS, prepare=both(printed, register_says("701")),
        check=audit("unblock"), views=("unblock.insert", "unblock.administrator_only", "unblock.insert_administrator"),
    ),
    ErrandStory(
        "unblock: no administrator is here, and a new letter is ordered", "unblock",
        by_hand(administrator_only="letter", order_letter="order", letter_ordered="end"), TWO_READERS,
        prepare=both(printed, register_says("701")), reason="letter_ordered", check=letter_alone,
    ),
    *(
        ErrandStory(
            f"unblock: no envelope, and {why}: no new code", "unblock", by_hand(**{f"stop.{reason}": "end"}), TWO_READERS,
            prepare=register_says(**facts), outcome="refused", reason=reason, events=(), check=unchanged,
            views=("unblock.insert", "unblock.puk", f"unblock.stop.{reason}"),
        )
        for why, reason, facts in (
            ("the card is on hold", "unblock_held", {"state": "held", "held_from": "active"}),
            ("the card is blocked", "unblock_blocked", {"state": "blocked"}),
            ("the holder has left", "holder_left", {"left": "2026-02-20"}),
            ("it is a reserve card", "unblock_reserve", {"reserve": True}),
        )
    ),
    ErrandStory(
        "unblock: who attends is no administrator of this station", "unblock",
        by_hand(
            insert_administrator=[puts("10:old", "administrator"), first(pulls("administrator"))],
            not_an_administrator="cancel",
        ), TWO_READERS, prepare=issuer(), outcome="cancelled", check=unchanged,
    ),
    ErrandStory(
        "unblock: the issuer is away, which is said before an administrator types a code", "unblock",
        by_hand(**{"stop.unblock_offline": "end"}), TWO_READERS, prepare=issuer(online=False), outcome="fault",
        reason="unblock_offline", events=(), check=unchanged,
        views=("unblock.puk", "unblock.without", "unblock.stop.unblock_offline"),
    ),
    ErrandStory(
        "unblock: the issuer does not answer for the card", "unblock", by_hand(**{"stop.unblock_declined": "end"}), TWO_READERS,
        prepare=issuer(unblock="not_now"), outcome="refused", reason="unblock_declined", check=unchanged,
    ),
    ErrandStory(
        "unblock: a PUK is released, and so few of its tries are left that the station stops", "unblock",
        by_hand(administrator_only="administrator", **{"stop.unblock_key_floor": "end"}), TWO_READERS,
        prepare=both(issuer(key=False, puk=True), few_tries_of_puk), outcome="refused", reason="unblock_key_floor",
    ),
    ErrandStory(
        "unblock: the issuer orders no letter", "unblock",
        unlock(puk="no_envelope", without="letter", order_letter="order", **{"stop.letter_declined": "end"}),
        prepare=issuer(letter="too_soon"), outcome="refused", reason="letter_declined", events=("letter.order declined",),
        check=unchanged,
    ),
    ErrandStory(
        "unblock: the administrator's log-in was too long ago", "unblock", by_hand(**{"stop.log_in_expired": "end"}),
        TWO_READERS, prepare=issuer(unblock="administrators_missing"), outcome="refused", reason="log_in_expired",
        check=unchanged,
    ),
    ErrandStory(
        "unblock: the key is another card's, costs one of its tries, and the PUK is released instead", "unblock", by_hand(),
        TWO_READERS, prepare=both(issuer(puk=True), anothers_key), check=code_is(NEW_PIN),
        events=(*ATTESTED, "card.unblock wrong_answer", "puk.release released", "card.unblock accepted", "receipt.issued"),
    ),
    ErrandStory(
        "unblock: the key is another card's, and there is no PUK: a new letter", "unblock",
        by_hand(order_letter="order", letter_ordered="end"), TWO_READERS, prepare=both(issuer(), anothers_key),
        reason="letter_ordered", check=letter_alone,
        events=(*ATTESTED, "card.unblock wrong_answer", "puk.release declined", "letter.order letter_ordered"),
    ),
    ErrandStory(
        "unblock: the administrator's own card needs another administrator", "unblock",
        by_hand(
            insert_administrator=[puts("13:new", "administrator"), first(pulls("administrator"))], not_the_same="cancel",
        ), replace(TWO_READERS, changed={MINE: replace(persona_of(MINE), hsa_id=ADMINISTRATOR.hsa_id)}), prepare=issuer(),
        outcome="cancelled", check=unchanged,
    ),
    ErrandStory(
        "unblock: a card from the post that nobody has handed over", "unblock", unlock_new(**{"stop.not_handed_over": "end"}),
        POSTED, prepare=new_card(), troubled=True, **NOT_YET,
    ),
    ErrandStory(
        "unblock: a card whose order waits in a slot, with an administrator", "unblock",
        by_hand(insert=puts(NEW), not_locked="no_envelope", **{"stop.not_handed_over": "end"}),
        WAITING, prepare=new_card("waiting"), **NOT_YET,
    ),
    ErrandStory(
        "unblock: not handed over by a list that is fresh, and nobody can be asked", "unblock",
        unlock_new(**{"stop.not_handed_over": "end"}), POSTED, prepare=new_card(online=False), **NOT_YET,
    ),
    ErrandStory(
        "unblock: nobody can be asked, and the list is too old to refuse", "unblock", unlock_new(), POSTED,
        prepare=both(new_card(online=False), too_old), events=("card.unblock accepted", "receipt.issued"),
        check=code_is(NEW_PIN, of=NEW),
    ),
    ErrandStory(
        "unblock: the register says that the card was activated elsewhere", "unblock", unlock_new(), POSTED,
        prepare=new_card("active"), events=("card.unblock accepted", "receipt.issued"), check=code_is(NEW_PIN, of=NEW),
    ),
    ErrandStory(
        "unblock: the same, and it is on hold now", "unblock", unlock_new(), POSTED,
        prepare=new_card("held", held_from="active"), events=("card.unblock accepted", "receipt.issued"),
        check=code_is(NEW_PIN, of=NEW),
    ),
    ErrandStory(
        "unblock: a card on hold that nobody has handed over", "unblock", unlock_new(**{"stop.not_handed_over": "end"}),
        POSTED, prepare=new_card("held", held_from="handed_out"), **NOT_YET,
    ),
    ErrandStory(
        "unblock: a card of which no order is known", "unblock", unlock_new(), replace(POSTED, orders=()),
        prepare=new_card(), events=("card.unblock accepted", "receipt.issued"), check=code_is(NEW_PIN, of=NEW),
    ),
]  # fmt: skip
