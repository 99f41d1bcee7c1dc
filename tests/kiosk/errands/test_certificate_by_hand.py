"""A certificate that people make in the issuer's portal: its holder waits at the station, or comes back, here or elsewhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.errands.renew_certificate.journey import renew_certificate
from kiosk.ports import Ended
from kiosk.steps.certificate.from_portal import WAIT_S
from kiosk.texts import Texts
from sim.stories.certificates import KINDS, MADE, by_people, certificates, issuer_of, old_is, portal_makes
from sim.stories.own_card import MINE
from sim.stories.person import Person, first, pulls, puts
from sim.stories.room import OLD_PIN, Room
from sim.stories.setting import room_for

NOTED = ("card.generate_key generated", "certificate.request in_portal")
ERRAND = "renew_certificate"


def room_at(folder: Path, kind: str = "B") -> Room:
    folder.mkdir(exist_ok=True)
    room = room_for(folder, KINDS[kind])
    by_people("identification")(room)
    return room


def same_world(folder: Path, room: Room) -> Room:
    """Another station of the region: the same card and issuer, and a journal that knows nothing of them."""
    other = room_at(folder)
    other.world.cards[MINE] = room.world.card(MINE)
    other.equip(**issuer_of(room).ports())
    return other


async def visit(room: Room, **changed: Any) -> tuple[Person, Ended]:
    """The holder renews; the old certificate goes."""
    story: dict[str, Any] = {
        "insert": puts(MINE), "begin": "begin", "pin": OLD_PIN, "pulled": puts(MINE), "old": "remove", "done": "end",
        "portal_certificate": "later", "portal_comes_back": "end", **changed,
    }  # fmt: skip
    told = {f"{ERRAND}.{name}": action for name, action in story.items()} | {"closing.take_card": pulls()}
    someone = Person(room.world, room.clock, told)
    ended = await room.errand(someone, renew_certificate, ERRAND)
    assert someone.failure is None, someone.failure
    return someone, ended


@pytest.mark.parametrize("kind", "BCD")
async def test_who_waits_has_the_certificate_written_as_soon_as_it_is_there(tmp_path: Path, kind: str) -> None:
    room = room_at(tmp_path, kind)
    someone, ended = await visit(room, portal_certificate=portal_makes(room))
    assert (ended.outcome, ended.reason) == ("done", "")
    assert (await room.told())[1:5] == [*NOTED, *MADE[1:]]
    assert f"{ERRAND}.done" in someone.names
    old_is(False, new=True)(room)
    await room.close()


async def test_who_goes_is_told_who_and_when_and_the_old_certificate_is_untouched(tmp_path: Path) -> None:
    room = room_at(tmp_path)
    someone, ended = await visit(room)
    assert (ended.outcome, ended.reason) == ("done", "certificate_noted")
    assert (await room.told())[1:3] == [*NOTED]
    old_is(True, new=False)(room)
    last = next(view for view in someone.shown if view.name == f"{ERRAND}.portal_comes_back")
    words = Texts.load().plain(last.lead[0], "en")
    assert words == "The card office makes it in the issuer's portal by 3 Mar 2026 at 12.00."
    await room.close()


def here(folder: Path, room: Room) -> Room:
    return room


@pytest.mark.parametrize("where", [here, same_world], ids=["here", "at another station"])
async def test_who_comes_back_gets_it_for_the_key_that_the_card_made_before(
    tmp_path: Path, where: Callable[[Path, Room], Room]
) -> None:
    room = room_at(tmp_path / "first")
    await visit(room)
    before = await visit(room)
    assert before[1].reason == "certificate_noted", "nobody has made it yet"
    issuer_of(room).make_certificates()
    back = where(tmp_path / "second", room)
    done = len(await back.told())
    _, ended = await visit(back)
    assert (ended.outcome, ended.reason) == ("done", "")
    assert "card.generate_key generated" not in (await back.told())[done:]
    (issued,) = {one.chain[0] for one in issuer_of(back).issued.values()}
    assert issued in certificates(back)
    assert [told[0] for told in issuer_of(back).told].count("certificate noted") == 1, "one request, whoever looks"
    for each in {room, back}:
        await each.close()


async def test_a_card_that_is_pulled_while_its_holder_waits_is_asked_for_when_it_is_there(tmp_path: Path) -> None:
    room = room_at(tmp_path)
    someone, ended = await visit(
        room, portal_certificate=first(pulls(), portal_makes(room)), pin=[OLD_PIN, OLD_PIN]
    )  # fmt: skip
    assert (ended.outcome, ended.reason) == ("done", "")
    assert f"{ERRAND}.pulled" in someone.names
    old_is(False, new=True)(room)
    await room.close()


async def test_the_wait_ends_before_the_proof_does_and_the_request_stays(tmp_path: Path) -> None:
    room = room_at(tmp_path)

    def waits(person: Person) -> None:
        for _ in range(int(WAIT_S // 100) + 1):
            room.clock.advance(100)
            person.touch()

    _, ended = await visit(room, portal_certificate=waits)
    assert (ended.outcome, ended.reason) == ("done", "certificate_noted")
    assert issuer_of(room).carried["identification"].issued is None
    await room.close()


async def test_a_proof_that_is_too_old_loses_nothing(tmp_path: Path) -> None:
    room = room_at(tmp_path)

    def late(person: Person) -> None:
        issuer_of(room).declines["certificate"] = "nonce_unknown"
        portal_makes(room)(person)  # type: ignore[operator]  # hands, not an answer

    _, ended = await visit(room, portal_certificate=late)
    assert (ended.outcome, ended.reason) == ("done", "certificate_noted")
    del issuer_of(room).declines["certificate"]
    _, ended = await visit(room)
    assert (ended.outcome, ended.reason) == ("done", "")
    await room.close()


async def test_a_certificate_for_another_person_or_key_is_not_written(tmp_path: Path) -> None:
    room = room_at(tmp_path)

    def wrong(person: Person) -> None:
        issuer = issuer_of(room)
        portal_makes(room)(person)  # type: ignore[operator]  # hands, not an answer
        carried = issuer.carried["identification"]
        assert carried.issued is not None
        strange = room.world.card("10:old").keys[0].certificate
        carried.issued = type(carried.issued)((strange.public_bytes(Encoding.DER),))

    _, ended = await visit(room, portal_certificate=wrong, **{"stop.not_as_offered": "end"})
    assert (ended.outcome, ended.reason) == ("fault", "not_as_offered")
    old_is(True, new=False)(room)
    await room.close()
