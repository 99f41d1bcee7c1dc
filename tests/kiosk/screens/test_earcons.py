"""What the eye sees of a card, a slot, an end, a fault and a time-out, the ear hears; and no more than that."""

import pytest

from kiosk.screens.window import tone_of
from kiosk.views import Await, CabinetDrawing, DropDrawing, Tell
from sim.gallery.samples import samples
from tests.fakes.screens.kivy_driver import KivyDriver


def test_every_opened_slot_every_end_and_every_fault_of_every_errand_sounds() -> None:
    for name, view in samples():
        slot = isinstance(view, Await) and isinstance(view.drawing, CabinetDrawing | DropDrawing)
        badge = view.badge if isinstance(view, Tell) else ""
        wanted = "slot" if slot else {"success": "done", "warning": "fault", "failure": "fault"}.get(badge)
        assert tone_of(view) == wanted, name


@pytest.mark.screen
def test_a_card_that_comes_and_goes_sounds_and_so_does_a_time_out(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.call("tones")
    driver.call("set", card_in=False)
    driver.call("set", card_in=True)
    driver.call("set", card_in=True)
    driver.call("warn", seconds=20)
    assert driver.call("tones") == ["card_out", "card_in", "warning"]
    driver.touch("timeout:more")
    driver.call("warned")
    for sample in ("09-success", "10-wrong-puk", "18-collect", "01-idle"):
        driver.show(sample)
    assert [tone for tone in driver.call("tones") if not tone.startswith("card")] == ["done", "fault", "slot"]
