"""The same doors on PostgreSQL: one story through all of their tables, and many at once at the chain."""

from concurrent.futures import ThreadPoolExecutor

from fleet.server.accounts import api_tokens as tokens
from fleet.server.accounts import queries as people
from fleet.server.accounts.secret_encryption import account
from fleet.server.accounts.tables import users
from fleet.server.audit_log.log import AuditEvent
from fleet.server.database.database import Database
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in import passwords
from fleet.server.sign_in.service import Access, Chosen, Refused, SignedIn
from fleet.server.web.roles import Caller, Role
from tests.fakes.server.databases import empty, on_postgres
from tests.fakes.server.visitors import SEALER
from tests.fleet.server.sign_in.conftest import PASSWORD, Turned

__all__ = ["on_postgres"]


def test_in_and_out_and_told_in_one_chain(on_postgres: Database, clock: Turned) -> None:
    access = Access(on_postgres, clock, SEALER)
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
    access.record(caller, "192.0.2.7", AuditEvent("people.search", f"NS-{number}"))


def test_of_many_at_once_with_the_same_code_one_comes_in(on_postgres: Database, clock: Turned) -> None:
    access = Access(on_postgres, clock, SEALER)
    with on_postgres.writing.begin() as connection:
        user = people.add(connection, "race", ((Role.VIEWER, "*"),), clock())
        secret = codes.secret_from("made-up link")
        values = {"password": passwords.hashed(PASSWORD), "sealed_secret": SEALER.seal(secret, account(user))}
        connection.execute(users.update().where(users.c.name == "race").values(**values))
    code = codes.code_at(secret, clock().timestamp())
    with ThreadPoolExecutor(8) as many:
        came = list(many.map(lambda _: access.sign_in("race", PASSWORD, code, "192.0.2.7"), range(8)))
    assert sum(isinstance(one, SignedIn) for one in came) == 1
    assert came.count(Refused.WRONG) == 7
    empty(on_postgres)
