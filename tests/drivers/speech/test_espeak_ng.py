"""espeak-ng as it is installed: sound into a WAV file, phonemes that tell what the voice reads, silence when nobody waits."""

import asyncio
import subprocess
import wave
from pathlib import Path

import pytest

from drivers.speech.espeak_ng import EspeakNg
from drivers.speech.port import Manner, Phrase, SpeechError
from tests.fakes.cabinet.board_bench import until

SENTENCE = Phrase("Sätt i kortet i den högra läsaren", "sv")


def seconds(path: Path) -> float:
    with wave.open(str(path)) as sound:
        frames = len(sound.readframes(10**9)) // (
            sound.getsampwidth() * sound.getnchannels()
        )  # a pipe leaves the head open
        return frames / sound.getframerate()


def loudest(path: Path) -> int:
    with wave.open(str(path)) as sound:
        data = sound.readframes(10**9)
    return max(abs(int.from_bytes(data[at : at + 2], "little", signed=True)) for at in range(0, len(data) - 1, 2))


def process_of(number: Path) -> Path:
    return Path(f"/proc/{int(number.read_text())}")


async def test_a_sentence_is_as_long_as_its_words(tmp_path: Path) -> None:
    for name, text in {"one": "Kortet", "many": SENTENCE.text}.items():
        await EspeakNg(wave=tmp_path / name).say(Phrase(text, "sv"), Manner())
    assert 0.3 < seconds(tmp_path / "one") < 1.5
    assert seconds(tmp_path / "many") > 2 * seconds(tmp_path / "one")


async def test_rate_and_volume_are_heard(tmp_path: Path) -> None:
    manners = {"slow": Manner(1, 1), "usual": Manner(), "fast": Manner(5, 5)}
    for name, manner in manners.items():
        await EspeakNg(wave=tmp_path / name).say(SENTENCE, manner)
    lengths, peaks = ([of(tmp_path / name) for name in manners] for of in (seconds, loudest))
    assert lengths == sorted(lengths, reverse=True)
    assert peaks == sorted(peaks)
    assert peaks[0] < peaks[-1]


@pytest.mark.parametrize(
    ("language", "text", "heard"),
    [("sv", "Sätt i kortet", ["sˈɛt", "iː", "kˈɔtət"]), ("en", "Put the card in", ["pˌʊt", "ðə", "kˈɑːd", "ˈɪn"])],
)
def test_the_voices_read_our_letters(language: str, text: str, heard: list[str]) -> None:
    command = ["espeak-ng", "-v", language, "-q", "--ipa", "-b", "1", "--stdin"]
    said = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.split() == heard


async def test_the_sentence_stands_on_no_command_line(tmp_path: Path) -> None:
    program, seen = tmp_path / "espeak-ng", tmp_path / "seen"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}\ncat >> {seen}.in\n')
    program.chmod(0o755)
    await EspeakNg(lambda: "hw:1", program=str(program)).say(SENTENCE, Manner(5, 1))
    assert seen.read_text().split() == ["-v", "sv", "-s", "290", "-a", "40", "-b", "1", "--stdin", "-d", "hw:1"]
    assert (tmp_path / "seen.in").read_text() == SENTENCE.text


async def test_it_is_silent_at_once_when_nobody_waits(tmp_path: Path) -> None:
    program, number = tmp_path / "espeak-ng", tmp_path / "number"
    program.write_text(f"#!/bin/sh\necho $$ > {number}.new && mv {number}.new {number}\nexec sleep 600\n")
    program.chmod(0o755)
    saying = asyncio.create_task(EspeakNg(program=str(program)).say(SENTENCE, Manner()))
    await until(number.exists)
    saying.cancel()
    await asyncio.gather(saying, return_exceptions=True)
    await until(lambda: not process_of(number).exists())
    assert saying.cancelled()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (None, "does not start"),
        ("cat >/dev/null; echo 'Error: The specified espeak-ng voice does not exist.' >&2; exit 1", "ended with 1"),
        ("cat >/dev/null; echo 'error: No such file or directory' >&2", "has no sound device"),
        ("cat >&2; exit 1", "ended with 1"),
    ],
)
async def test_what_is_wrong_is_told_without_the_sentence(tmp_path: Path, script: str | None, why: str) -> None:
    program = tmp_path / "espeak-ng"
    if script is not None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    with pytest.raises(SpeechError, match=why) as caught:
        await EspeakNg(program=str(program)).say(SENTENCE, Manner())
    assert "kortet" not in str(caught.value)


def test_a_manner_has_five_steps_and_goes_round() -> None:
    assert Manner(5, 5).faster().louder() == Manner(1, 1)
    with pytest.raises(ValueError, match="1 to 5"):
        Manner(rate=6)
