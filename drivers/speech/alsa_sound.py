"""Tones by ALSA: libasound itself, which speech needs too, by ctypes; the one file that knows it.

Rules: the device is opened for each tone and closed after it, so that speech finds it free; each tone plays in a worker thread.

    await AlsaSound("plughw:1").play("card_in", volume=3)
"""

import asyncio
import ctypes
from functools import cache

from drivers.speech.tones import BYTES, SAMPLES_A_SECOND, Tone, ToneError, tone_samples

LIBRARY = "libasound.so.2"
_PLAYBACK, _S16_LE, _INTERLEAVED = 0, 2, 3
_MONO, _RESAMPLE = 1, 1
_LATENCY_US = 50_000
"""Names of alsa/pcm.h: SND_PCM_STREAM_PLAYBACK, SND_PCM_FORMAT_S16_LE, SND_PCM_ACCESS_RW_INTERLEAVED."""


class AlsaSound:
    """`device`: of ALSA, or the machine's usual one."""

    def __init__(self, device: str = "") -> None:
        self._device = (device or "default").encode()

    async def play(self, tone: Tone, volume: int) -> None:
        """Implements `drivers.speech.tones.Sound`."""
        await asyncio.to_thread(self._play, tone_samples(tone, volume=volume))

    def _play(self, samples: bytes) -> None:
        library, pcm = _library(), ctypes.c_void_p()
        _check(library, library.snd_pcm_open(ctypes.byref(pcm), self._device, _PLAYBACK, 0))
        try:
            settings = _S16_LE, _INTERLEAVED, _MONO, SAMPLES_A_SECOND, _RESAMPLE, _LATENCY_US
            _check(library, library.snd_pcm_set_params(pcm, *settings))
            _check(library, library.snd_pcm_writei(pcm, samples, ctypes.c_ulong(len(samples) // BYTES)))
            _check(library, library.snd_pcm_drain(pcm))
        finally:
            library.snd_pcm_close(pcm)


@cache
def _library() -> ctypes.CDLL:
    """Raises ToneError."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        raise ToneError(f"{LIBRARY} is not installed") from None
    library.snd_pcm_writei.restype = ctypes.c_long
    library.snd_strerror.restype = ctypes.c_char_p
    library.snd_lib_error_set_handler(_QUIET)
    return library


_QUIET = ctypes.CFUNCTYPE(None)(lambda: None)
"""ALSA would print each fault itself."""


def _check(library: ctypes.CDLL, result: int) -> None:
    """Raises ToneError."""
    if result < 0:
        raise ToneError(f"no sound device: {library.snd_strerror(result).decode(errors='replace')}")
