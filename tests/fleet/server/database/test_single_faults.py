"""A slice of part `single-server` of `make campaign`: a write or commit of the server's batches that fails leaves no trace."""

from dataclasses import replace

import pytest

from campaigns.faults.single_server import SUBJECTS, cases, run_case

STEP = 61
"""Every so many-th case is run: a prime, so that each subject and each way has its turn."""


@pytest.fixture(scope="module")
def every_case() -> list[str]:
    return list(cases())


def test_every_batch_writes_and_commits(every_case: list[str]) -> None:
    assert {case.split(":")[1] for case in every_case} == set(SUBJECTS)
    assert len(set(every_case)) == len(every_case) > 650


def test_a_slice_of_all_faults_leaves_the_store_as_without(every_case: list[str]) -> None:
    for case in every_case[::STEP]:
        assert run_case(case) == (), case


def test_what_differs_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, case = SUBJECTS["deadlines"], "single-server:deadlines:commit.1:once"
    assert run_case(case) == ()
    monkeypatch.setitem(SUBJECTS, "deadlines", replace(subject, steps=subject.steps[:1]))
    assert run_case(case) == ("the store differs from one to which nothing happened",)
