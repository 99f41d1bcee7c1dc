"""Speech: from the key to the first sample of sound, and the work for so many seconds of it.

The sound goes into a pipe in place of a sound device, so what a device adds is not measured.
"""

import asyncio
import os
import resource
import statistics
import time
from pathlib import Path

from benches.figures import CannotMeasureError, Figure, with_limit
from drivers.speech.espeak_ng import EspeakNg
from drivers.speech.port import USUAL, Phrase, SpeechError
from kiosk.screens.speech import view_phrases
from kiosk.screens.words import ScreenTexts
from kiosk.texts import Texts
from sim.gallery.samples import samples

SCREENS = 3
LIMIT_MS, LIMIT = 150, 5
WAV_HEAD, SAMPLES_A_SECOND, SAMPLE_BYTES = 44, 22_050, 2


def measure(folder: Path) -> list[Figure]:
    """Milliseconds, and per cent of one core. Raises CannotMeasureError without espeak-ng."""
    pipe = folder / "sound"
    os.mkfifo(pipe)
    words = ScreenTexts(Texts.load(), "sv")
    views = [view for _, view in samples()][:SCREENS]
    texts = [text for view in views for text in view_phrases(view, words, private=True)]
    sounds = [asyncio.run(_hear(pipe, text)) for text in texts]
    first, work, length = zip(*sounds, strict=True)
    note = f"median of {len(sounds)} sentences"
    return [
        with_limit(Figure("speech: key to first sound", statistics.median(first), "ms", note), LIMIT_MS),
        with_limit(Figure("speech: while it speaks", 100 * sum(work) / sum(length), "% of a core", note), LIMIT),
    ]


async def _hear(pipe: Path, text: str) -> tuple[float, float, float]:
    """Milliseconds to the first sample, seconds of work, seconds of sound."""
    before, began = _work(), time.perf_counter()
    listening = asyncio.create_task(asyncio.to_thread(_read, pipe))
    try:
        await EspeakNg(wave=pipe).say(Phrase(text, "sv"), USUAL)
    except SpeechError as error:
        os.close(os.open(pipe, os.O_RDWR))  # whoever waits for a writer waits no more
        raise CannotMeasureError(str(error)) from None
    at, size = await listening
    return 1000 * (at - began), _work() - before, size / SAMPLES_A_SECOND / SAMPLE_BYTES


def _read(pipe: Path) -> tuple[float, int]:
    """Return when the first byte after the head of a WAV file came, and how many there are."""
    with pipe.open("rb") as sound:
        sound.read(WAV_HEAD + 1)
        return time.perf_counter(), 1 + len(sound.read())


def _work() -> float:
    """Processor seconds of programs that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
