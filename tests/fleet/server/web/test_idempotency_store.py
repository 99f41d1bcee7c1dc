"""Answers kept by key, in either database: the first is done, others hear of it, and a day later it is forgotten."""

from datetime import timedelta

from fleet.server.database.database import Database
from fleet.server.web.idempotency_store import KEPT, KeyedRequest, StoredReply, keep, release, reserve
from tests.fakes.server.databases import either as database
from tests.fakes.server.databases import on_postgres
from tests.fleet.server.conftest import NOW

__all__ = ["database", "on_postgres"]

ASKED = KeyedRequest("a" * 64, "b" * 64)


def test_only_the_first_is_to_be_done_until_its_answer_is_there_and_a_day_after(database: Database) -> None:
    assert reserve(database, ASKED, NOW) is None
    assert reserve(database, ASKED, NOW) == StoredReply(ASKED.request, None, None)
    keep(database, ASKED, 201, b'{"count":1}')
    assert reserve(database, ASKED, NOW + KEPT) == StoredReply(ASKED.request, 201, b'{"count":1}')
    assert reserve(database, ASKED, NOW + KEPT + timedelta(seconds=1)) is None


def test_what_was_refused_is_free_again_and_other_keys_stay(database: Database) -> None:
    other = KeyedRequest("c" * 64, "b" * 64)
    assert reserve(database, ASKED, NOW) is None
    assert reserve(database, other, NOW) is None
    release(database, ASKED)
    assert reserve(database, ASKED, NOW) is None
    assert reserve(database, other, NOW) is not None
