"""Every errand on foreign cards: the stories of the errands with the holder's cards of another product, and how they then end.

A story that goes otherwise on such a card stands in `otherwise` with the end that it has there; where that is another than the
story's own, whoever lives it leaves by the way out where the story foresees nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kiosk.ports import Ended
from sim.stories.errand_stories import ErrandStory, errand_stories, play
from sim.stories.person import Person, Story
from sim.stories.room import Room

End = tuple[str, str]
"""Outcome and reason."""
WRITING = frozenset({"renew_certificate", "reserve_certificate", "clean_up"})
"""Errands that write as the kind of card does: their stories are told of one kind."""
_LOCKED, _LOCKED_UNSEEN = "unblock.locked", "unblock.not_locked"
"""Who knows that the card is locked goes on where the station cannot know it."""
_ADMINISTERED = "unblock.without"
"""A view of unlocking with the administrative key, which cards of kind B have."""
_OF_OUR_PRODUCT = "by the name of its profile"
_WITHOUT_COUNTER: Mapping[str, End] = {
    "change_pin: the last try is kept": ("cancelled", ""),
    "change_pin: a card that comes with one try is asked about it first": ("done", ""),
    "check_card: locked, which is said, and no code is asked for": ("cancelled", ""),
}
"""On a card that does not tell its tries: nobody knows that one is left, or none, before the card refuses a code."""
_TAKES_A_NEW_CODE: Mapping[str, End] = {
    "unblock: a product that keeps its code, which is known": ("refused", "card_refused"),
    "unblock: a product that keeps its code, which is forgotten": ("refused", "card_refused"),
    "unblock: a product of the administrators' that keeps its code": ("refused", "card_refused"),
}
"""On a card that does not unlock by the PUK alone."""
_PUK_FLOOR: Mapping[str, End] = {
    "unblock: wrong PUKs until the station stops": ("refused", "puk_floor"),
    "unblock: the PUK is used up, and only an administrator can help": ("refused", "puk_locked"),
}
"""On a card that has fewer tries of the PUK than kind B, and that no administrator can help."""


@dataclass(frozen=True)
class ForeignCard:
    """A card as single products are."""

    kind: str
    traits: tuple[str, ...]
    otherwise: Mapping[str, End] = field(default_factory=dict)
    """By title: stories that go otherwise there, and how they end."""

    def suits(self, tale: ErrandStory) -> bool:
        """Return whether that story may be told of this card."""
        if tale.title.endswith(_OF_OUR_PRODUCT):
            return False
        if self.kind == "B":
            return tale.setting.kind == "B"
        two_codes = any(persona.signature_pin for persona in tale.setting.changed.values())
        with_key = _ADMINISTERED in tale.story()
        return tale.setting.kind == (self.kind if tale.errand in WRITING else "B") and not two_codes and not with_key

    def tell(self, tale: ErrandStory) -> ErrandStory:
        """The same story with such cards."""

        def story() -> Story:
            rows = tale.story()
            return {_LOCKED_UNSEEN: rows.get(_LOCKED, "unblock"), **rows}

        setting = replace(tale.setting, kind=self.kind, traits=self.traits)
        outcome, reason = self.otherwise.get(tale.title, (tale.outcome, tale.reason))
        return replace(tale, story=story, setting=setting, outcome=outcome, reason=reason)


_COUNTED_AS: Mapping[str, End] = {
    "unblock: the station has counted too many wrong PUKs: nobody is asked for one": ("done", ""),
    "unblock: a PUK that the card called used up before": ("done", ""),
    "service: the count of a card's tries begun anew, with the reason": ("done", ""),
}
"""On a card whose PUK has another name in the station's count than that of kind B."""
_TWO_PUK_TRIES: Mapping[str, End] = {
    "unblock: the card says that two tries of the PUK are left: nobody is asked for one": ("done", "")
}
"""On a card that does not say so, or of which two are enough."""
_RELEASED: Mapping[str, End] = {
    "activate: a product that the administrator releases, with the card's own key": ("done", "")
}
"""On a card without a key of its own, whose PUK is released."""
_PROVED_FIRST: Mapping[str, End] = {
    "activate: a copy of the card in the post, found out by its test": ("refused", "new_card_not_genuine")
}
"""On a card that proves itself before it hears a code."""
_OTHER_KIND = {**_RELEASED, **_WITHOUT_COUNTER, **_TAKES_A_NEW_CODE, **_PUK_FLOOR, **_COUNTED_AS, **_TWO_PUK_TRIES}
FOREIGN_CARDS: Mapping[str, ForeignCard] = {
    "MyEID": ForeignCard("B", ("padded-files", "no-sfi", "no-puk-object", "mse-file"), _COUNTED_AS),
    "IsoApplet": ForeignCard(
        "B", ("padded-ff", "no-sfi-6a82", "batch-serial", "mse-11", "short-answers", "never-initialized", "t0-answers")
    ),
    "odd directory": ForeignCard(
        "B", ("odf-path", "no-pkcs15-aid", "empty-code-path", "change-verified", "refuses-weak-codes")
    ),
    "T=0": ForeignCard("A", ("t0", "silent-counters", "no-puk-object", "reference-80-told"), _OTHER_KIND),
    "IAS-ECC": ForeignCard(
        "B", ("counter-object", "verify-puk-then-new", "no-pkcs15-aid", "mse-42", "short-reads"), _TAKES_A_NEW_CODE
    ),
    "Thales": ForeignCard("B", ("counter-df21", "pso-hash", "pads-00", "trusted-list", "one-code-mf", "refuses-old-codes")),
    "PIV": ForeignCard("C", ("t0", "no-serial", "silent-counters", "gzip-untold"), _OTHER_KIND | _PROVED_FIRST),
    "NEO": ForeignCard(
        "D", ("counts-630x", "batch-serial"),
        _OTHER_KIND | _PROVED_FIRST | {
            "unblock: wrong PUKs until the station stops": ("refused", "puk_not_sent"),
            "change_pin: the last try is kept": ("refused", "last_try_kept"),
            "activate: a wrong start PIN, then the right one": ("refused", "last_try_kept"),
        },
    ),
}  # fmt: skip


def foreign_tales() -> Iterator[tuple[str, ErrandStory]]:
    """Each story with each card that it may be told of, by the card's name: one story after the other."""
    for tale in errand_stories():
        for name, card in FOREIGN_CARDS.items():
            if card.suits(tale):
                yield name, tale


async def play_foreign(folder: Path, name: str, tale: ErrandStory) -> tuple[Room, Person, Ended]:
    """As `play`, with such cards. The caller closes the room."""
    card = FOREIGN_CARDS[name]

    told_otherwise = card.otherwise.get(tale.title, (tale.outcome, tale.reason)) != (tale.outcome, tale.reason)

    def leaves_where_it_is_told_otherwise(_room: Room, someone: Person, _at: int) -> None:
        someone.awkward = someone.awkward or told_otherwise

    return await play(folder, card.tell(tale), befall=leaves_where_it_is_told_otherwise)
