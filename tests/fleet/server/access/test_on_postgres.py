"""The same doors on PostgreSQL: one story through all of their tables, and many at once at the chain."""

from concurrent.futures import ThreadPoolExecutor

from fleet.server.access import codes, people, tokens
from fleet.server.access.access import Access, Chosen, Refused, SignedIn
from fleet.server.access.audit import Deed
from fleet.server.access.roles import Caller, Role
from fleet.server.store.database import Database
from tests.fakes.databases import on_postgres
from tests.fleet.server.access.conftest import PASSWORD, Turned

__all__ = ["on_postgres"]


def test_in_and_out_and_told_in_one_chain(on_postgres: Database, clock: Turned) -> None:
    access = Access(on_postgres, clock)
    link = access.first_link()
    assert link is not None
    offer = access.offered(link)
    assert offer is not None
    code = codes.code_at(offer.secret, clock().timestamp())
    came = access.set_up(link, Chosen("tove", PASSWORD, code), "192.0.2.7")
    assert isinstance(came, SignedIn)
    assert access.sign_in("tove", PASSWORD, code, "192.0.2.7") is Refused.WRONG
    clock.on(minutes=2)
    assert access.by_session(came.value, present=True) is not None
    with on_postgres.writing.begin() as connection:
        value = tokens.add(connection, "feed", Role.VIEWER, "lasarettet-*", 1, clock())
        people.disable(connection, "tove")
    assert access.by_session(came.value, present=True) is None
    caller = access.by_token(value)
    assert caller is not None
    with ThreadPoolExecutor(8) as many:
        list(many.map(lambda number: _look(access, caller, number), range(40)))
    verdict = access.verify()
    assert verdict.broken is None
    assert verdict.entries == access.entries(who="token:feed")[1] + 4


def _look(access: Access, caller: Caller, number: int) -> None:
    access.record(caller, "192.0.2.7", Deed("people.search", f"NS-{number}"))
