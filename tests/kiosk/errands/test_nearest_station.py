"""Who is told that a certificate ends is told where to go: the nearest station that has the errand, unless this one has it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from kiosk.region import Place, RegionSettings
from kiosk.texts import Texts
from kiosk.views import Tell
from sim.stories.devices import STATION
from sim.stories.errand_stories import ErrandStory, errand_stories, play
from sim.stories.room import Room, quick_folder

WORKS: ErrandStory = next(tale for tale in errand_stories() if tale.title == "check_card: it works")
NEAR = Place(house="Hus C", errands=("unblock",))
FAR = Place(house="Hus B", floor="plan 2", telephone="08-000 00 00")


async def told(folder: Path, **region: Any) -> list[str]:
    """The points of what is said of a certificate that ends soon."""

    def prepare(room: Room) -> None:
        room.equip(region=RegionSettings(**region))

    with quick_folder(folder) as place:
        room, someone, _ = await play(place, replace(WORKS, prepare=prepare))
        await room.close()
    view = next(view for view in someone.shown if view.name == "check_card.finding.certificate_expires_soon")
    assert isinstance(view, Tell)
    return [Texts.load().plain(point.text, "sv") for point in view.points]


async def test_the_nearest_station_that_has_it_is_named(tmp_path: Path) -> None:
    here = Place(house="Hus A", nearest={"near": 80, "far": 120})
    points = await told(tmp_path, place={STATION: here, "near": NEAR, "far": FAR})
    assert points[-1:] == ["Närmaste station: Hus B, plan 2, 120 m. Telefon 08-000 00 00."]


async def test_where_the_region_says_of_no_station_none_is_named(tmp_path: Path) -> None:
    assert [point for point in await told(tmp_path) if "Närmaste" in point] == []
