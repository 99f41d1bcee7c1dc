"""Information."""

from kiosk.region import SHIPPED, load
from kiosk.views import CANCEL
from tests.fakes.errands import ErrandTale
from tests.fakes.room import Room

STORY = {
    "information.pages": ["block", "reserve", CANCEL],
    "information.page.block": "back",
    "information.page.reserve": "back",
}


def in_stockholm(room: Room) -> None:
    """The example's region."""
    room.equip(region=load(SHIPPED / "stockholm.toml"))


TALES = [
    ErrandTale(
        "information: two pages, and away", "information", lambda: STORY, prepare=in_stockholm, events=(),
        views=("information.page.block", "information.page.reserve"), troubled=True,
    ),
]  # fmt: skip
