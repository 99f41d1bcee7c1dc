"""One byte that is no UTF-8, anywhere in a message, is that message's own fault and stops nobody."""

from typing import Any

import pytest

from fleet.messages import events, link
from fleet.messages.events import EventError, Facts
from fleet.messages.link import MessageError

EVENT = events.seal(
    Facts("entre-a", 1, 7, "boot", "se.kortkiosk.station.started", "2026-01-01T00:00:00Z"), {"version": "made up"}
)


@pytest.mark.parametrize("where", [b"boot", b"made up", b"entre-a", b"datasalt"])
def test_in_an_event_also_in_its_data(where: bytes) -> None:
    with pytest.raises(EventError, match="not UTF-8"):
        events.parse(EVENT.wire.replace(where, b"\xff" + where[1:]))


def test_in_a_stored_envelope() -> None:
    with pytest.raises(EventError, match="not UTF-8"):
        events.restore(EVENT.envelope.replace(b"boot", b"\xffoot"), None, None)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (link.Presence, b'{"online":true,"bootid":"\xff"}'),
        (link.Answer, b'{"ok":true,"text":"\xc3("}'),
        (link.Acked, b'{"epoch":1,"thr\xffugh":2}'),
        (link.Ask, b'{"ask":"order.find","hsa_id":"\xed\xa0\x80"}'),
    ],
    ids=["presence", "answer", "acked", "ask"],
)
def test_in_everything_else(kind: Any, raw: bytes) -> None:
    with pytest.raises(MessageError, match="not UTF-8"):
        link.decode(kind, raw)
