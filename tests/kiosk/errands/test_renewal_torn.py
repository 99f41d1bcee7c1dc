"""The card is torn while its certificate is renewed: the old one or the new one works, the screen says the truth, and the next
errand goes on from what is on the card.

Every exchange that changes a card, and one of twelve of the others, before the card saw it and after; `KORTKIOSK_TEAR_STEP=1`
tears at all of them.
"""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.errands.clean_up.journey import clean_up
from kiosk.errands.clean_up.stories import CLUTTERED, clean
from kiosk.errands.renew_certificate.journey import renew_certificate
from kiosk.errands.renew_certificate.stories import renew
from kiosk.ports import Ended
from sim.reader.cards import TearPoint, VirtualCard
from sim.stories.aftermath import LOOPS, loosen, open_intents
from sim.stories.certificates import KINDS, ONE, certificates, issuer_of
from sim.stories.errand_stories import OWN
from sim.stories.own_card import MINE
from sim.stories.person import Person
from sim.stories.room import Room, quick_folder
from sim.stories.setting import Setting, room_for

pytestmark = pytest.mark.timeout(900)
STEP = int(os.environ.get("KORTKIOSK_TEAR_STEP", "12"))
CHANGING = {"CREATE FILE", "DELETE FILE", "UPDATE BINARY", "GENERATE KEY PAIR", "GENERATE ASYMMETRIC KEY PAIR", "PUT DATA",
            "MOVE KEY", "GENERAL AUTHENTICATE"}  # fmt: skip
ENDS = {("done", ""), ("cancelled", "card_pulled"), ("fault", "card")}
LEAVE = {"closing.pulled": "end", "closing.card": "end"}


def card_of(room: Room) -> VirtualCard:
    return room.world.card(MINE)


async def errand(room: Room, tear: tuple[int, TearPoint] | None, *, cleaning: bool = False) -> tuple[Person, Ended]:
    """A renewal, or a cleaning up, whose card breaks in that exchange, counted from its start."""
    story = clean("0", "0")() if cleaning else renew()()
    someone = Person(room.world, room.clock, {**story, **LEAVE})
    if tear is not None:
        loosen(room, someone, *tear, name=MINE)
    journey = clean_up if cleaning else renew_certificate
    ended = await room.errand(someone, journey, journey.__name__)
    if someone.card_in("holder"):
        room.world.remove("holder")
    return someone, ended


async def exchanges(folder: Path, setting: Setting, *, cleaning: bool = False) -> list[int]:
    """Which exchanges to tear at: of a story that is not torn."""
    room = room_for(folder, setting)
    (CLUTTERED if cleaning else ONE)(room)
    await errand(room, None, cleaning=cleaning)
    await room.close()
    log = card_of(room).log
    return [at for at, entry in enumerate(log) if entry.ins in CHANGING or at % STEP == 0]


def works(room: Room) -> tuple[bool, bool]:
    """Whether the card holds the certificate that it came with, and one of those that were issued since."""
    holds = certificates(room)
    old = card_of(room).keys[0].certificate.public_bytes(Encoding.DER)
    return old in holds, any(one.chain[0] in holds for one in issuer_of(room).issued.values())


@pytest.mark.parametrize("kind", ["B", "D"])
async def test_a_renewal_torn_anywhere_leaves_a_certificate_that_works(kind: str, tmp_path: Path) -> None:
    LOOPS.append(asyncio.get_running_loop())
    with quick_folder(tmp_path) as quick:
        (quick / "whole").mkdir()
        points = await exchanges(quick / "whole", KINDS[kind])
        assert len(points) > 12
        for number, exchange in enumerate(points):
            for when in ("before", "after"):
                folder = quick / f"{number}-{when}"
                folder.mkdir()
                await torn_once(folder, KINDS[kind], exchange, when)


async def torn_once(folder: Path, setting: Setting, exchange: int, when: TearPoint) -> None:
    room = room_for(folder, setting)
    ONE(room)
    someone, ended = await errand(room, (exchange, when))
    where = f"{when} exchange {exchange}: {ended} {someone.names} {await room.told()}"
    assert someone.failure is None, where
    assert (ended.outcome, ended.reason) in ENDS, where
    assert await open_intents(room) == 0, where
    assert room.log is not None
    assert room.log.unknown == set(), where
    old, new = works(room)
    assert new if ended.outcome == "done" else old, where
    assert card_of(room).tries_left[0] == card_of(room).codes.pin.tries_max, where
    again, second = await errand(room, None)
    where = f"{where}, then {second} {again.names}"
    if ended.outcome != "done":
        assert (second.outcome, again.failure) == ("done", None), where
        assert works(room) == (False, True), where
    await room.close()


async def test_a_key_whose_certificate_did_not_come_is_used_the_next_time(tmp_path: Path) -> None:
    """The issuer is away when it is asked; the next day the same key gets its certificate, and no second one is made."""
    for kind in ("B", "D"):
        folder = tmp_path / kind
        folder.mkdir()
        room = room_for(folder, KINDS[kind])
        ONE(room)
        issuer_of(room).declines["certificate"] = "not_offered"
        someone = Person(room.world, room.clock, renew(**{"stop.certificate_declined": "end"})())
        assert (await room.errand(someone, renew_certificate, "renew_certificate")).reason == "certificate_declined"
        issuer_of(room).declines.clear()
        someone, ended = await errand(room, None)
        assert (ended.outcome, someone.failure) == ("done", None)
        assert (await room.told()).count("card.generate_key generated") == 1
        assert "renew_certificate.working_key" not in someone.names
        await room.close()


async def test_a_key_of_unknown_origin_gets_no_certificate(tmp_path: Path) -> None:
    """Made at another station, or left behind when its old certificate was taken off: nobody here knows, so one is made anew."""
    for kind in ("B", "D"):
        rooms = []
        for station in ("first", "second"):
            (tmp_path / kind / station).mkdir(parents=True)
            rooms.append(room_for(tmp_path / kind / station, KINDS[kind]))
            ONE(rooms[-1])
        first, second = rooms
        issuer_of(first).declines["certificate"] = "not_offered"
        someone = Person(first.world, first.clock, renew(**{"stop.certificate_declined": "end"})())
        await first.errand(someone, renew_certificate, "renew_certificate")
        second.world.cards[MINE] = card_of(first)
        someone, ended = await errand(second, None)
        assert (ended.outcome, someone.failure) == ("done", None)
        assert "renew_certificate.working_key" in someone.names
        assert works(second) == (False, True)
        for room in rooms:
            await room.close()


async def test_a_certificate_that_was_written_but_not_tested_is_only_tested(tmp_path: Path) -> None:
    room = room_for(tmp_path, OWN)
    ONE(room)
    await errand_kept(room)
    someone, ended = await errand_again(room)
    assert (ended.outcome, someone.failure) == ("done", None)
    assert [name for name in someone.names if "working" in name] == ["renew_certificate.working_test"]
    assert len(issuer_of(room).issued) == 1
    assert works(room) == (False, True)
    await room.close()


async def errand_kept(room: Room) -> None:
    someone = Person(room.world, room.clock, renew(old="keep")())
    await room.errand(someone, renew_certificate, "renew_certificate")


async def errand_again(room: Room) -> tuple[Person, Ended]:
    someone = Person(room.world, room.clock, renew(again="begin")())
    return someone, await room.errand(someone, renew_certificate, "renew_certificate")


async def test_cleaning_up_torn_anywhere_never_takes_the_newest(tmp_path: Path) -> None:
    LOOPS.append(asyncio.get_running_loop())
    setting = replace(OWN)
    with quick_folder(tmp_path) as quick:
        (quick / "whole").mkdir()
        for number, exchange in enumerate(await exchanges(quick / "whole", setting, cleaning=True)):
            folder = quick / f"{number}"
            folder.mkdir()
            room = room_for(folder, setting)
            CLUTTERED(room)
            someone, ended = await errand(room, (exchange, "after"), cleaning=True)
            where = f"exchange {exchange}: {ended} {someone.names}"
            assert someone.failure is None, where
            assert (ended.outcome, ended.reason) in ENDS, where
            assert await open_intents(room) == 0, where
            holds = certificates(room)
            known = [key.certificate.public_bytes(Encoding.DER) for key in card_of(room).keys]
            assert all(der in holds for der in known[:2]), where
            assert ended.outcome != "done" or not any(der in holds for der in known[2:]), where
            await room.close()
