"""Speech by espeak-ng, as a process for each sentence: the one file that knows the program.

Rules: the sentence goes in by standard input, and what it says of errors is never passed on, since it may repeat the sentence; a
process ends with its sentence, or at once when nobody waits for it.

    speech = EspeakNg()
    await speech.say(Phrase("Sätt i kortet", "sv"), Manner())
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from drivers.speech.port import Manner, Phrase, SpeechError

WORDS_A_MINUTE = (110, 140, 170, 220, 290)
"""By step of rate. Who listens every day hears the fastest well; the usual one is a little slower than speech."""
AMPLITUDES = (40, 70, 100, 140, 190)
"""By step of volume; the program's own scale goes from 0 to 200."""
_ERROR = b"error:"
"""How a line begins that says why there is no sound; the program then ends with 0 all the same."""


class EspeakNg:
    """`device`: tells the device of ALSA; empty is the machine's usual one. `wave`: a file that gets the sound instead."""

    name = "espeak-ng"

    def __init__(
        self, device: Callable[[], str] = lambda: "", *, program: str = "espeak-ng", wave: Path | None = None
    ) -> None:
        self._program = program
        self._device, self._wave = device, wave

    async def say(self, phrase: Phrase, manner: Manner) -> None:
        """Returns once it is said; cancelled, it is silent at once. Raises SpeechError."""
        device = self._device()
        output = ["-w", str(self._wave)] if self._wave else ["-d", device] if device else []
        rate, volume = WORDS_A_MINUTE[manner.rate - 1], AMPLITUDES[manner.volume - 1]
        try:
            process = await asyncio.create_subprocess_exec(
                self._program, "-v", phrase.language, "-s", str(rate), "-a", str(volume), "-b", "1", "--stdin", *output,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise SpeechError(f"{self._program} does not start: {error.strerror}") from None
        try:
            _, complaint = await process.communicate(phrase.text.encode())
        finally:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                process.kill()
        if process.returncode:
            raise SpeechError(f"{self._program} ended with {process.returncode}: has it a voice for {phrase.language}?")
        if any(line.lower().startswith(_ERROR) for line in complaint.splitlines()):
            raise SpeechError(f"{self._program} has no sound device")
