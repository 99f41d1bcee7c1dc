"""After five wrong PUKs the holder has the card and no code; once the letter has new tries, that card is handed out after all."""

from pathlib import Path

from sim.stories.devices import LetterVerifier
from sim.stories.own_card import WRONG_PUK
from sim.stories.person import Person
from sim.stories.setting import Setting, own_card, room_for


async def test_the_same_card_is_handed_out_after_the_letter_got_new_tries(tmp_path: Path) -> None:
    room = room_for(tmp_path, Setting(server=True))
    try:
        story = own_card(puk=WRONG_PUK, puk_wrong=WRONG_PUK, **{"stop.too_many_guesses": "end"})
        first = Person(room.world, room.clock, story)
        ended = await room.errand(first)
        assert (ended.outcome, ended.reason) == ("refused", "too_many_guesses")
        again = Person(room.world, room.clock, story)
        assert (await room.errand(again)).reason == "too_many_guesses", "the right letter does not help by itself"
        verifier = room.caps.envelopes
        assert isinstance(verifier, LetterVerifier)
        verifier.guesses = 0
        second = Person(room.world, room.clock, own_card())
        ended = await room.errand(second)
        assert (ended.outcome, second.failure) == ("done", None), [view.name for view in second.shown]
        assert room.world.card("1:new").codes.pin.tries_left == 3
    finally:
        await room.close()
