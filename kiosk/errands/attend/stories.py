"""Stories of `attend`: what people do, how it ends, and what is left then."""

from dataclasses import replace

from fleet.messages.issuing import AdministratorRole
from sim.reader.personas import person
from sim.stories.administrator import HANDED_OUT, HOUSE, too_old, two
from sim.stories.administrators import administrator
from sim.stories.errand_stories import ErrandStory
from sim.stories.person import first, pulls, puts
from sim.stories.room import OLD_PIN, Room, persona_of
from sim.stories.setting import attended

RESERVE = replace(HOUSE, order={"product": "reserve"})
PROTECTED = replace(HOUSE, order={"product": "reserve", "protected": True, "name": None})


def three(room: Room) -> None:
    """A third person is one too, and has the role for protected identities as the first one has."""
    two(room)
    for number in (13, 10):
        has(room, number, "KRA", "KUR")


def without_kra(room: Room) -> None:
    """Somebody else is on the list, without the role of who attends."""
    two(room)
    has(room, 10, "KUR")


def has(room: Room, number: int, *roles: AdministratorRole) -> None:
    """Put that person on the list of administrators, with these roles."""
    room.orders.administrators[person(number).hsa_id] = administrator(person(number).hsa_id, person(number).name, roles)


STORIES = [
    ErrandStory(
        "attend: log in, document, order, hand over", "attend", attended, HOUSE, events=HANDED_OUT,
        views=("pickup.insert_administrator", "pickup.document", "pickup.document_digits", "pickup.which"),
        troubled=True, reasons=frozenset({"unsigned", "old_card_kept", "wrong_card_in_slot", "no_envelope"}), touched=True,
    ),
    ErrandStory(
        "attend: a reserve card with LoA3 takes two, who are not the same", "attend",
        lambda: attended(
            insert_second=[puts("13:new", "administrator"), puts("14:new", "administrator")], not_the_same="again"
        ), RESERVE, prepare=two, events=HANDED_OUT,
        views=("pickup.which", "pickup.take_administrator", "pickup.not_the_same", "pickup.insert_second"),
    ),
    ErrandStory(
        "attend: for a protected identity the second one has the role for it too", "attend",
        lambda: attended(
            insert_second=[puts("14:new", "administrator"), puts("10:old", "administrator")], not_kur="again",
            pin_administrator=[OLD_PIN] * 3,
        ), PROTECTED, prepare=three, events=HANDED_OUT, views=("pickup.insert_second", "pickup.not_kur", "pickup.insert_second"),
    ),
    ErrandStory(
        "attend: for a protected identity the first one has not the role for it", "attend",
        lambda: attended(**{"stop.kur_needed": "end"}), PROTECTED, prepare=two, outcome="refused", reason="kur_needed", events=(),
    ),
    ErrandStory(
        "attend: a card of level 2, then one without the role, then the right one", "attend",
        lambda: attended(
            insert_administrator=[puts(card, "administrator") for card in ("14:new", "10:old", "13:new")],
            not_level_3="again", not_kra="again", pin_administrator=[OLD_PIN, OLD_PIN],
        ), replace(HOUSE, changed={"14:new": replace(persona_of("14:new"), loa=2)}), prepare=without_kra,
        events=HANDED_OUT, views=("pickup.not_level_3", "pickup.not_kra", "pickup.document"),
    ),
    ErrandStory(
        "attend: without connection for longer than the list counts", "attend",
        lambda: attended(**{"stop.list_too_old": "end"}), HOUSE, prepare=too_old, outcome="fault", reason="list_too_old",
        events=(),
    ),
    ErrandStory(
        "attend: two in the one reader", "attend",
        lambda: attended(
            reader="holder", insert_second=puts("14:new"), pin_administrator=[OLD_PIN, OLD_PIN],
            take_administrator=[pulls(), first(pulls())],
        ), replace(RESERVE, second_reader=False), prepare=two, events=HANDED_OUT,
    ),
]  # fmt: skip
