"""Kinds and batches of cards that the region has switched off: said once the card is known, and before any code."""

from collections.abc import Callable

from fleet.messages.issuing import CardRecord, DirectoryPerson, SwitchOff
from kiosk.errands.change_pin.stories import change
from kiosk.errands.check_card.stories import check
from kiosk.errands.report_lost.stories import lost
from kiosk.errands.return_card.stories import back
from kiosk.errands.unblock.stories import unlock
from sim.reader.personas import person
from sim.stories.errand_stories import ErrandStory
from sim.stories.issuer import SimulatedIssuer
from sim.stories.own_card import MINE, code_is
from sim.stories.room import OLD_PIN, Room, authority, persona_of
from sim.stories.setting import Setting, own_card

NUMBER, HOLDER = persona_of(MINE).card_number, persona_of(MINE).hsa_id
WORDS = {"sv": "Korten från i våras byts i december.", "en": "The cards of this spring are replaced in December."}
MY_BATCH = SwitchOff("batch", f"{NUMBER[:-3]}000-{NUMBER[:-3]}099", WORDS)
NEW = person(1).new.card_number


def off(switch_off: SwitchOff, *, online: bool = True) -> Callable[[Room], None]:
    """Signed data that the station has; the register knows the card, where it can be asked."""

    def prepare(room: Room) -> None:
        issuer = SimulatedIssuer(authority(), room.clock)
        issuer.add(DirectoryPerson(HOLDER, "Alva"), CardRecord(NUMBER, HOLDER, "601", "active"))
        issuer.online = online
        issuer.switched_off.append(switch_off)
        room.equip(**issuer.ports())

    return prepare


STOP = {"stop.switched_off": "end"}
STORIES = [
    ErrandStory(
        "change_pin: a batch is switched off", "change_pin", change(**STOP), prepare=off(MY_BATCH), outcome="refused",
        reason="switched_off", events=(), check=code_is(OLD_PIN),
    ),
    ErrandStory(
        "change_pin: a batch is switched off, and there is no connection", "change_pin", change(**STOP),
        prepare=off(MY_BATCH, online=False), outcome="refused", reason="switched_off", events=(),
    ),
    ErrandStory(
        "change_pin: the batch beside is switched off", "change_pin", change(),
        prepare=off(SwitchOff("batch", f"{NUMBER[:-3]}100-{NUMBER[:-3]}199")),
    ),
    ErrandStory(
        "unblock: a product of the register is switched off", "unblock", unlock(**STOP), prepare=off(SwitchOff("product", "6XX")),
        outcome="refused", reason="switched_off", events=(), check=code_is(OLD_PIN),
    ),
    ErrandStory(
        "unblock: a product is switched off by the name of its profile", "unblock", unlock(**STOP),
        prepare=off(SwitchOff("product", "virtual-b"), online=False), outcome="refused", reason="switched_off", events=(),
    ),
    ErrandStory(
        "check_card: a product is switched off", "check_card", check(**STOP), prepare=off(SwitchOff("product", "601")),
        outcome="refused", reason="switched_off", events=(),
    ),
    ErrandStory(
        "pickup: the batch of the card that waits is switched off", "pickup",
        lambda: own_card(**STOP), Setting(), prepare=off(SwitchOff("batch", f"{NEW}-{NEW}", WORDS)), outcome="refused",
        reason="switched_off", events=(),
    ),
    ErrandStory(
        "pickup: the product of the card that waits is switched off", "pickup",
        lambda: own_card(**STOP), Setting(), prepare=off(SwitchOff("product", "ordinary")), outcome="refused",
        reason="switched_off", events=(),
    ),
    ErrandStory(
        "return_card: a card that is switched off is taken back all the same", "return_card", back(), prepare=off(MY_BATCH),
        reason="blocked",
    ),
    ErrandStory(
        "report_lost: a card that is switched off is put on hold all the same", "report_lost", lost(), prepare=off(MY_BATCH),
        reason="held",
    ),
    ErrandStory(
        "report_lost: a card that is switched off, whose code somebody knows, is blocked by it all the same", "report_lost",
        lost("code_known"), prepare=off(MY_BATCH), reason="blocked",
    ),
]  # fmt: skip
