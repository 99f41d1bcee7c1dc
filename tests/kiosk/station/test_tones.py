"""Tones come one after the other, and a device that fails is told of once."""

from kiosk.station.app import Tones
from tests.fakes.machine.step_clock import settle
from tests.fakes.speech.recorded_sound import RecordedSound


async def test_what_comes_meanwhile_waits_and_the_newest_is_played() -> None:
    sound, faults = RecordedSound(), list[str]()
    tones = Tones(sound, 3, faults.append)
    for tone in ("card_in", "slot", "fault"):
        tones.play(tone)  # type: ignore[arg-type]  # of the tones
        await settle()
    assert sound.log == ["card_in"]
    sound.end_tone()
    await settle()
    assert sound.log == ["card_in", "fault"]
    sound.end_tone()
    await settle()
    tones.play("done")
    await settle()
    assert (sound.log, faults) == (["card_in", "fault", "done"], [])
    sound.end_tone()
    await settle()


async def test_a_device_that_fails_is_told_of_once_and_tried_again() -> None:
    sound, faults = RecordedSound(), list[str]()
    tones = Tones(sound, 3, faults.append)
    sound.fault = "no sound device"
    for _ in range(2):
        tones.play("card_in")
        await settle()
    sound.fault = ""
    tones.play("card_out")
    await settle()
    sound.end_tone()
    await settle()
    assert (sound.log, faults) == (["card_out"], ["no sound device"])
