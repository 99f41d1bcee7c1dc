"""Tones by ALSA: libasound itself, which speech needs too, by ctypes; the one file that knows it.

Rules: the device is opened for each tone and closed after it, so that speech finds it free; each tone plays in a worker thread.

    await AlsaSound(lambda: "plughw:1").play("card_in", volume=3)
"""

import asyncio
import ctypes
import re
from collections.abc import Callable
from functools import cache

from drivers.speech.tones import BYTES, SAMPLES_A_SECOND, Tone, ToneError, tone_samples

LIBRARY = "libasound.so.2"
_PLAYBACK, _S16_LE, _INTERLEAVED = 0, 2, 3
_MONO, _RESAMPLE = 1, 1
_LATENCY_US = 50_000
"""Names of alsa/pcm.h: SND_PCM_STREAM_PLAYBACK, SND_PCM_FORMAT_S16_LE, SND_PCM_ACCESS_RW_INTERLEAVED."""
_OR_BELOW = -1  # where a mixer does not have the very level
OUTPUTS = re.compile(rb"Master|PCM|Head|Speaker|Front|Out|DAC|HDMI|IEC958")
"""Names of a mixer's elements that lead to an ear; others lead from a microphone or a line."""


class AlsaSound:
    """`device`: tells the device of ALSA; empty is the machine's usual one."""

    def __init__(self, device: Callable[[], str] = lambda: "") -> None:
        self._device = device

    async def play(self, tone: Tone, volume: int) -> None:
        """Implements `drivers.speech.tones.Sound`."""
        await asyncio.to_thread(self._play, tone_samples(tone, volume=volume))

    def _play(self, samples: bytes) -> None:
        library, pcm = _library(), ctypes.c_void_p()
        device = (self._device() or "default").encode()
        _check(library, library.snd_pcm_open(ctypes.byref(pcm), device, _PLAYBACK, 0))
        try:
            settings = _S16_LE, _INTERLEAVED, _MONO, SAMPLES_A_SECOND, _RESAMPLE, _LATENCY_US
            _check(library, library.snd_pcm_set_params(pcm, *settings))
            _check(library, library.snd_pcm_writei(pcm, samples, ctypes.c_ulong(len(samples) // BYTES)))
            _check(library, library.snd_pcm_drain(pcm))
        finally:
            library.snd_pcm_close(pcm)


def set_level(card: str) -> None:
    """Open a card's outputs and have them neither raise nor lower what is played (0 dB): the steps of volume are ours.

    `card`: such as `hw:Device`. One that has no mixer plays as it does.
    """
    library, mixer, least, most = _library(), ctypes.c_void_p(), ctypes.c_long(), ctypes.c_long()
    _check(library, library.snd_mixer_open(ctypes.byref(mixer), 0))
    try:
        _check(library, library.snd_mixer_attach(mixer, card.encode()))
        _check(library, library.snd_mixer_selem_register(mixer, None, None) or library.snd_mixer_load(mixer))
        element = library.snd_mixer_first_elem(mixer)
        while element:
            output = ctypes.c_void_p(element)
            if OUTPUTS.search(library.snd_mixer_selem_get_name(output)):
                library.snd_mixer_selem_set_playback_switch_all(output, 1)
                library.snd_mixer_selem_get_playback_volume_range(output, ctypes.byref(least), ctypes.byref(most))
                if library.snd_mixer_selem_set_playback_dB_all(output, ctypes.c_long(0), _OR_BELOW) < 0:
                    library.snd_mixer_selem_set_playback_volume_all(output, most)
            element = library.snd_mixer_elem_next(output)
    finally:
        library.snd_mixer_close(mixer)


@cache
def _library() -> ctypes.CDLL:
    """Raises ToneError."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        raise ToneError(f"{LIBRARY} is not installed") from None
    library.snd_pcm_writei.restype = ctypes.c_long
    library.snd_strerror.restype = library.snd_mixer_selem_get_name.restype = ctypes.c_char_p
    library.snd_mixer_first_elem.restype = library.snd_mixer_elem_next.restype = ctypes.c_void_p
    library.snd_lib_error_set_handler(_QUIET)
    return library


_QUIET = ctypes.CFUNCTYPE(None)(lambda: None)
"""ALSA would print each fault itself."""


def _check(library: ctypes.CDLL, result: int) -> None:
    """Raises ToneError."""
    if result < 0:
        raise ToneError(f"no sound device: {library.snd_strerror(result).decode(errors='replace')}")
