"""Several servers, each with a verifier of its own, count tries in one database."""

import asyncio
import base64
import json
from pathlib import Path

from fleet.messages.link import EnvelopeAsk
from fleet.server.verifier.attempt_counters import TRIES_PER_ENVELOPE, AttemptCounters
from fleet.server.verifier.child_process import VerifierProcess
from fleet.server.verifier.judge import ENVELOPE_KEYS
from fleet.server.verifier.model import EnvelopeFacts
from fleet.server.verifier.postgres_counters import PostgresAttemptStore
from provisioning.authority import Authority
from tests.fakes.server.postgres import Cluster
from tests.fleet.server.conftest import NOW


def test_two_counters_are_one_count(postgres: Cluster) -> None:
    place = postgres.place()
    one, other = AttemptCounters(PostgresAttemptStore(place)), AttemptCounters(PostgresAttemptStore(place))
    said = [
        (one if number % 2 else other).admit("entre-a", "letter", f"{number:032x}", now=1000.0)
        for number in range(TRIES_PER_ENVELOPE + 3)
    ]
    assert [each.refused for each in said] == [None] * TRIES_PER_ENVELOPE + ["too_many"] * 3
    assert [each.alarm for each in said].count(True) == 1, "one alarm for both"
    assert one.admit("entre-b", "another", f"{0:032x}", now=1000.0).refused == "nonce_used", "by whichever it was used"
    assert [counters.reset(["letter"], 1001.0) for counters in (one, other)] == ["reset", "not_used_up"]
    assert other.admit("entre-a", "letter", f"{99:032x}", now=1002.0).refused is None
    one.close()
    other.close()


async def test_two_verifiers_of_two_servers_share_the_tries_of_a_letter(postgres: Cluster, tmp_path: Path) -> None:
    keys = Authority.init(tmp_path / "authority", [], NOW).directory / "verifier"
    (keys / ENVELOPE_KEYS).write_text(json.dumps({"2026a": base64.b64encode(bytes(range(32))).decode()}))
    place, letter = postgres.place(), EnvelopeFacts("9752269875", "2026a", "ab" * 32)
    async with (
        VerifierProcess(keys, tmp_path / "one", place) as one,
        VerifierProcess(keys, tmp_path / "other", place) as other,
    ):
        asks = [
            EnvelopeAsk(order="O-1", nonce=f"{number:032x}", sealed="AAAA") for number in range(2 * TRIES_PER_ENVELOPE)
        ]
        said = await asyncio.gather(
            *((one if number % 2 else other).ask("entre-a", ask, letter) for number, ask in enumerate(asks))
        )
    verdicts = [each.verdict for each in said]
    assert (verdicts.count("no_match"), verdicts.count("too_many")) == (TRIES_PER_ENVELOPE, TRIES_PER_ENVELOPE)
    assert names_in(tmp_path) == ["authority"], "nothing is counted in files"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
