"""Every trace in `traces/` is played as a twin: it is read as it was, takes its code, and signs.

A trace of a real card that somebody sends goes there, with its signature and the key that made it in `keys.pem`. Those that are
there were made of virtual cards; docs/first-card.md says how.
"""

from pathlib import Path

import pytest

from drivers.reader.card_reader import CardReader, ReaderSettings, try_card, visiting
from drivers.reader.outcomes import Accepted, Role
from drivers.reader.profiles.signed import ProfileKeys
from drivers.reader.secret import Secret
from drivers.reader.traces.trace import read_trace
from drivers.reader.traces.twin import READER, TraceTwin, TwinBackend
from tests.drivers.reader.conftest import NOW

FOLDER = Path(__file__).parent / "traces"
TRACES = sorted(path.name for path in FOLDER.glob("*.trace"))


def test_there_is_a_trace_of_each_kind_of_application() -> None:
    assert {"virtual-b.trace", "virtual-c.trace"} <= set(TRACES)


@pytest.mark.parametrize("name", TRACES)
async def test_a_recorded_card_is_read_proved_and_signs(name: str) -> None:
    trace = read_trace(FOLDER / name, ProfileKeys.load(FOLDER / "keys.pem"))
    twin = TraceTwin(trace)
    reader = CardReader(TwinBackend(twin), READER, ReaderSettings(now=lambda: NOW))
    async with visiting(reader) as visit:
        facts = await visit.complete()
        assert (facts.profile, twin.missed) == (trace.profile, 0)
        assert facts.holder.name
        if trace.code:
            assert isinstance(await visit.verify(Role.IDENTIFICATION, Secret(trace.code)), Accepted)
            purposes = [one.purpose for one in facts.certificates if one.purpose != "other"]
            tests = [(await try_card(visit, purpose)).verified for purpose in sorted(purposes, reverse=True)]
            assert sum(tests) == len(trace.signatures)
    await reader.close()
