"""The power goes at each effect of a renewal, before it and after it: the next start says what was under way, and the same person
ends with a certificate that works. One receipt, and no effect without its outcome."""

import inspect
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.agent.outbox import EventChain
from kiosk.errands.renew_certificate.journey import renew_certificate
from kiosk.errands.renew_certificate.stories import renew
from kiosk.station.journal import Interrupted, Journal, Log
from sim.stories.aftermath import open_intents
from sim.stories.certificates import KINDS, ONE, certificates, issuer_of
from sim.stories.devices import STATION
from sim.stories.own_card import MINE
from sim.stories.person import Person
from sim.stories.room import Room, quick_folder
from sim.stories.setting import room_for

EFFECTS = (
    "card.generate_key", "certificate.request", "card.write_certificate", "card.delete_certificate", "card.delete_key",
)  # fmt: skip


class PowerCut(BaseException):
    """Nothing after this is carried out."""


def cut(patch: pytest.MonkeyPatch, effect: str, *, after: bool) -> None:
    """The power goes when the intent of that effect is durable: before the act, or after it and before its outcome."""
    whole = Log.effect

    async def effect_cut(self: Log, name: str, act: Awaitable[Any], **facts: str | int) -> Any:
        if name != effect:
            return await whole(self, name, act, **facts)
        await self._journal.transact(lambda cx: self.intend(cx, name, facts))
        if after:
            await act
        elif inspect.iscoroutine(act):
            act.close()
        raise PowerCut

    patch.setattr(Log, "effect", effect_cut)


async def started_again(room: Room) -> tuple[Interrupted, ...]:
    """The station after the cut, on the same disk; the holder has taken the card."""
    if room.world.slots["holder"].card is not None:
        room.world.remove("holder")
    room.journal = Journal(room.store, EventChain(STATION, 1, "boot-2"), room.clock)
    return await room.journal.boot("0.1.0")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("kind", ["B", "D"])
async def test_a_renewal_goes_on_after_a_power_cut(
    kind: str, effect: str, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quick_folder(tmp_path) as quick:
        room = room_for(quick, KINDS[kind])
        ONE(room)
        with monkeypatch.context() as patch:
            cut(patch, effect, after=after)
            with pytest.raises(PowerCut):
                await room.errand(Person(room.world, room.clock, renew()()), renew_certificate, "renew_certificate")
        old = room.world.card(MINE).keys[0].certificate.public_bytes(Encoding.DER)
        assert old in certificates(room) or effect.startswith("card.delete")
        found = await started_again(room)
        assert [(one.kind, one.effect) for one in found] == [("renew_certificate", effect)]
        assert await open_intents(room) == 0
        someone = Person(room.world, room.clock, renew(again="begin", **{"stop.too_early": "end"})())
        ended = await room.errand(someone, renew_certificate, "renew_certificate")
        assert someone.failure is None
        gone = effect == "card.delete_key" or (effect == "card.delete_certificate" and after)
        assert (ended.outcome, ended.reason) == (("refused", "too_early") if gone else ("done", ""))
        issued = [one.chain[0] for one in issuer_of(room).issued.values()]
        assert old not in certificates(room)
        assert sum(der in issued for der in certificates(room)) == 1
        told = await room.told()
        assert told.count(f"{effect} unknown") == 1
        assert told.count("receipt.issued") == (0 if gone else 1)
        await room.close()
