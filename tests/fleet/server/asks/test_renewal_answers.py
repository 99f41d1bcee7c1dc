"""Answers to a station that asks for its next certificate, in words that it knows."""

import base64
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.certificate_renewal import RenewalAsk
from fleet.messages.link import Answer, encode
from fleet.server.asks.answers import Answers
from fleet.server.database.database import Database
from fleet.server.enrolment.judging import EnrolmentJudge
from provisioning import pki
from provisioning.authority import Authority
from provisioning.issuing import Issuing, issue_issuing
from tests.fleet.server.conftest import NOW, SIGNER, KeptChanges

DAY = timedelta(days=1)


class Desk:
    """Answers with a clock that the test moves, and a station's certificate of 90 days, made now."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.now = NOW
        authority = Authority.init(folder, [], NOW)
        issue_issuing(authority, NOW)
        issuing = Issuing.load(folder)
        assert issuing is not None
        self.current = issuing.issue("entre-a", pki.new_key().public_key(), NOW)
        judge = EnrolmentJudge(database, issuing, KeptChanges(), self.clock, authority.registry.issued)
        self.answers = Answers(database, SIGNER, None, None, self.clock, renewals=judge)  # type: ignore[arg-type]

    def clock(self) -> datetime:
        return self.now

    async def ask(self, request: str) -> Answer:
        return await self.answers.answer("entre-a", encode(RenewalAsk(request)), self.current)


@pytest.fixture
def desk(tmp_path: Path, database: Database) -> Desk:
    return Desk(tmp_path / "authority", database)


def request() -> str:
    made = x509.load_pem_x509_csr(pki.make_request(pki.new_key()))
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


async def test_from_half_of_the_time_on_the_chain_comes_and_again_the_same(desk: Desk) -> None:
    asked = request()
    assert (await desk.ask(asked)).error == "too_early"
    desk.now += 45 * DAY
    answer = await desk.ask(asked)
    leaf, above = (x509.load_der_x509_certificate(base64.b64decode(one)) for one in answer.certificates)
    leaf.verify_directly_issued_by(above)
    assert leaf.not_valid_after_utc == desk.now + 90 * DAY
    assert await desk.ask(asked) == answer, "the first answer may have been lost"


async def test_a_heap_of_certificates_is_not_made(desk: Desk) -> None:
    desk.now += 60 * DAY
    errors = [(await desk.ask(request())).error for _ in range(11)]
    assert errors == [None] * 10 + ["too_many"]


@pytest.mark.parametrize("wrong", ["not base64!", "bWFkZSB1cA==", "A" * 5000])
async def test_what_is_no_request_does_not_fit_the_contract(desk: Desk, wrong: str) -> None:
    desk.now += 60 * DAY
    assert (await desk.ask(wrong)).error == "bad_ask"


async def test_an_issuing_key_that_has_ended_is_said(desk: Desk) -> None:
    desk.now += 5 * 365 * DAY
    assert (await desk.ask(request())).error == "issuing_ended"


async def test_without_an_issuing_key_nothing_is_renewed(desk: Desk, database: Database) -> None:
    without = Answers(database, SIGNER, None, None, desk.clock)  # type: ignore[arg-type]
    answer = await without.answer("entre-a", encode(RenewalAsk(request())), desk.current)
    assert answer.error == "not_set_up"
