"""A slice of `make campaign PART=bits-server`: one case of each file and damage that ends quickly."""

from pathlib import Path

import pytest

from campaigns.faults import bits_server
from campaigns.faults.parts import Options, Progress
from fleet.server.verifier.attempt_counters import TRIES_PER_ENVELOPE, FileAttemptStore, TriesDamagedError

CASES = [
    f"{bits_server.PART}:{target}:{kind}:{number}"
    for number, (target, kind) in enumerate(
        (target, kind) for target in ("store", "log", "tries", "settings") for kind in bits_server.DAMAGES
    )
]

pytestmark = pytest.mark.broker


def test_no_damaged_file_of_the_server_breaks_a_rule() -> None:
    sound = bits_server.sound_data()
    verdicts = [bits_server.run_case(sound, one, 1) for one in CASES]
    assert {one.id: one.broken for one in verdicts if one.broken} == {}
    assert {"named", "harmless"} <= {one.ended for one in verdicts}


def test_the_campaign_sees_a_count_that_gives_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """An oracle that passes everything would prove nothing: here a damaged file is begun anew by itself."""

    def begin_anew(path: Path) -> FileAttemptStore:
        try:
            return FileAttemptStore(path)
        except TriesDamagedError:
            path.unlink()
            return FileAttemptStore(path)

    sound = bits_server.sound_data()
    monkeypatch.setattr(bits_server, "FileAttemptStore", begin_anew)
    verdict = bits_server.run_case(sound, f"{bits_server.PART}:tries:cut:3", 1)
    assert verdict.broken == (f"{bits_server.ENVELOPES * TRIES_PER_ENVELOPE} tries more than there were",)


def test_a_campaign_that_was_cut_off_goes_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    options = Options(count=20, state=tmp_path_factory.mktemp("state"))
    ids = bits_server.case_ids(20)
    first = next(one for one in ids if ":settings:" in one)
    Progress.open(bits_server.PART, options).add(bits_server.run_case(bits_server.sound_data(), first, 1))
    assert first not in list(Progress.open(bits_server.PART, options).missing(ids))
