"""A slice of `make campaign PART=bits-station`: whatever was damaged in a station's data is named, or harmless."""

import pytest

from campaigns.faults.bits_station import KINDS, TARGETS, Original, case_ids, original, run_case

CASES = 2 * sum(TARGETS.values())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return original(tmp_path_factory.mktemp("whole"))


def test_every_damaged_file_is_named_or_harmless(whole: Original) -> None:
    verdicts = [run_case(id_, whole) for id_ in case_ids(7, CASES)]
    assert [(verdict.id, verdict.broken) for verdict in verdicts if verdict.broken] == []
    assert {verdict.ended.partition(":")[0] for verdict in verdicts} == {"harmless", "named"}


def test_the_campaign_strikes_every_file_in_every_way() -> None:
    struck = {tuple(id_.split(":")[1:3]) for id_ in case_ids(1, 1000)}
    assert struck == {(target, kind) for target in TARGETS for kind in KINDS}


@pytest.mark.parametrize("id_", ["bits-station:identity/station.pem:one bit:419273144"])
def test_what_was_found_once_stays_mended(id_: str, whole: Original) -> None:
    """A bit in the name of a curve."""
    verdict = run_case(id_, whole)
    assert verdict.broken == ()
    assert verdict.ended.startswith("named: identity")
