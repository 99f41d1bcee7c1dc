"""From one errand straight on to the next, on a whole station: from what is wrong with a card to what mends it."""

import asyncio
from pathlib import Path

from kiosk.station.build import open_station
from kiosk.station.host import Host
from sim.bench.virtual_bench import VirtualBench
from sim.demo.seed import DemoRegion
from sim.stories.clock import HandClock
from sim.stories.patience import LIMIT_S
from sim.stories.person import Person, Story, pulls
from tests.fakes.station.visitor import in_region


async def test_the_errand_that_mends_a_card_begins_with_the_card_still_in(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    """From the test of the card to unlocking it: nobody takes the card out between, and the language stays."""
    config, base = in_region(region, tmp_path / "data")
    home_again = asyncio.Event()

    def at_home(person: Person) -> None:
        """The home screen is drawn anew whenever a device changes, also before the card was read."""
        if person.names == ["home"]:
            person.world.insert("2:old", "holder")
        elif "closing.take_card" in person.names:
            home_again.set()

    story: Story = {
        "home": at_home,
        "home.card": "others",
        "home.card_others": "check_card",
        "check_card.insert": lambda _: None,  # it is in already
        "unblock.insert": lambda _: None,
        "check_card.card": "next",
        "check_card.finding.pin_locked": "mend",
        "unblock.puk": "cancel",
        "closing.take_card": pulls(),
    }
    someone, forgotten = Person(world, HandClock(), story), []
    host = Host(person_left=lambda: forgotten.append(list(someone.names)))
    async with open_station(config, base, someone, host, world) as station:
        serving = asyncio.create_task(station.serve())
        async with asyncio.timeout(LIMIT_S):
            await home_again.wait()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert someone.failure is None
    assert [name for name in someone.questions if name != "home" and not name.endswith("insert")] == [
        "home.card", "home.card_others", "check_card.card", "check_card.finding.pin_locked", "unblock.puk", "closing.take_card",
    ]  # fmt: skip
    assert len(forgotten) == 1
    assert forgotten[0][-1] == "closing.take_card"
