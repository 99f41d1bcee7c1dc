"""Every story of every errand, and its faults, on cards as public pages describe them: they end as on a card with one pair.

One shape is drawn for each case; `make refused-walks` runs all of them (KORTKIOSK_EVERY_SHAPE=1), and prints the list.
"""

import base64
import os
from dataclasses import replace
from itertools import cycle

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sim.reader.shapes import personal_number
from sim.stories.errand_stories import ErrandStory
from sim.stories.faults import FAULTS, ROGUES
from sim.stories.own_card import MINE
from sim.stories.room import authority, keys_of, persona_of
from tests.fakes.cards.shaped_errands import (
    KINDS,
    ONE_PAIR,
    SHAPED,
    difference,
    drawn,
    of_kind,
    shaped,
    tell,
)
from tests.fakes.cards.sinks import RUN, personal_data
from tests.kiosk.errands.faulty import ends, every_story, questions, stories

EACH = "KORTKIOSK_EVERY_SHAPE" in os.environ
TALES = [
    pytest.param(of_kind(tale, kind) or tale, id=f"{kind}: {tale.title}")
    for tale, kind in zip(every_story(), cycle(KINDS), strict=False)
]
"""By turns with a PKCS#15 and a PIV card of the holder's, where the story may be told of one."""
FIRST = {tale.errand: tale for tale in reversed(stories())}
"""The first troubled story of each errand."""


@pytest.mark.parametrize("tale", TALES)
async def test_a_story_ends_as_on_a_card_with_one_pair(tale: ErrandStory) -> None:
    shape = drawn(tale.title)
    assert not difference(await tell(tale, shape), await tell(tale, ONE_PAIR)), f"on a card of the shape {shape}"


@pytest.mark.parametrize("errand", FIRST)
async def test_a_fault_ends_soundly_on_a_card_of_any_shape(errand: str) -> None:
    """Each fault of a device at some question, as `test_faults` does on a card with one pair."""
    for shape in SHAPED if EACH else [drawn(errand)]:
        tale = shaped(FIRST[errand], shape)
        points = cycle(range(1, len(await questions(tale)) + 1))
        for fault in FAULTS:
            ended = await ends(tale, next(points), fault)
            assert fault in ROGUES or "genuine" not in ended, f"{fault} on a card of the shape {shape}"


def test_a_certificate_is_found_in_any_encoding_wherever_it_begins() -> None:
    """The search itself, and what it must not take for one."""
    own, _, personal, _ = (key.certificate for key in keys_of(replace(persona_of(MINE), shape="siths")))
    sought = personal_data((own, personal), (*authority().intermediates(), *authority().anchors()))
    bare, subject = personal.public_bytes(Encoding.DER), personal.subject.public_bytes()
    for piece in (bare, subject, personal.signature[-RUN - 5 :]):
        for told in (
            piece,
            piece.hex().encode(),
            *(base64.b64encode(bytes(at) + piece) for at in range(3)),
            base64.urlsafe_b64encode(b'{"x5c":["' + base64.b64encode(piece) + b'"]}'),
        ):
            assert any("certificate" in trace for trace in sought.traces_in(b"{" + told + b"}")), piece
    for innocent in (own, *authority().intermediates()):
        assert not sought.traces_in(base64.b64encode(innocent.public_bytes(Encoding.DER)))
    number = personal_number(persona_of(MINE))
    for told in (number.encode(), number[2:].encode(), bytes.fromhex(number), base64.b64encode(f"x{number}y".encode())):
        assert sought.traces_in(told)
