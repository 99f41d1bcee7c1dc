"""Tones by the real libasound: into a file, through ALSA's own plug-ins, and to devices that are not there."""

from array import array
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.speech.alsa_sound import AlsaSound
from drivers.speech.tones import BYTES, SAMPLES_A_SECOND, TONES, Tone, ToneError, tone_samples

ALL: list[Tone] = sorted(TONES)


def pitches(samples: bytes) -> int:
    """How often the wave goes through zero."""
    return sum(before < 0 <= after for before, after in pairwise(array("h", samples)))


@pytest.mark.parametrize("tone", ALL)
async def test_a_tone_reaches_the_device_whole(tmp_path: Path, tone: Tone) -> None:
    heard = tmp_path / "heard"
    await AlsaSound(lambda: f"tee:null,{heard},raw").play(tone, 3)
    wanted = tone_samples(tone, volume=3)
    assert heard.read_bytes()[: len(wanted)] == wanted


async def test_a_device_that_is_not_there_is_told_by_name_of_the_fault() -> None:
    with pytest.raises(ToneError, match=r"^no sound device: No such file or directory$"):
        await AlsaSound(lambda: "hw:31").play("fault", 3)


def test_each_tone_is_short_and_unlike_the_others() -> None:
    sounds = {tone: tone_samples(tone, volume=3) for tone in ALL}
    assert max(len(sound) / BYTES / SAMPLES_A_SECOND for sound in sounds.values()) <= 0.55
    rhythms = [tuple((hertz > 0, seconds) for hertz, seconds in TONES[tone]) for tone in ALL]
    ways = [[later - before for before, later in pairwise(hertz for hertz, _ in TONES[tone] if hertz)] for tone in ALL]
    assert len({(rhythm, tuple(way)) for rhythm, way in zip(rhythms, ways, strict=True)}) == len(ALL)


def test_a_card_that_goes_in_rises_and_one_that_goes_out_falls() -> None:
    for tone, rises in (("card_in", True), ("card_out", False)):
        sound = tone_samples(tone, volume=5)  # type: ignore[arg-type]  # of the two
        middle = len(sound) // 2 // BYTES * BYTES
        assert (pitches(sound[:middle]) < pitches(sound[middle:])) is rises


def test_volume_is_heard() -> None:
    peaks = [max(array("h", tone_samples("done", volume=step))) for step in range(1, 6)]
    assert peaks == sorted(set(peaks))
