"""Stories of `information`: what people do, how it ends, and what is left then."""

from kiosk.region import SHIPPED, region_of
from kiosk.views import CANCEL
from sim.stories.errand_stories import ErrandStory
from sim.stories.room import Room

STORY = {
    "information.pages": ["block", "reserve", CANCEL],
    "information.page.block": "back",
    "information.page.reserve": "back",
}


def in_stockholm(room: Room) -> None:
    room.equip(region=region_of("stockholm.toml", SHIPPED))


STORIES = [
    ErrandStory(
        "information: two pages, and away", "information", lambda: STORY, prepare=in_stockholm, events=(),
        views=("information.page.block", "information.page.reserve"), troubled=True, touched=True,
    ),
]  # fmt: skip
