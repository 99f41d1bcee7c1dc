"""New tries for a letter: two listed administrators, neither the holder; the verifier once; audit and alarm."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from fleet.server.accounts import separation_of_duties
from fleet.server.accounts.queries import from_issuer
from fleet.server.accounts.tables import users
from fleet.server.audit_log import log as audit
from fleet.server.commands.model import Requester
from fleet.server.database.database import Database
from fleet.server.envelope_resets.model import Refusal, ResetRow
from fleet.server.envelope_resets.service import DECIDE, EnvelopeResetSender, EnvelopeResetService
from fleet.server.orders.tables import orders
from fleet.server.people.queries import replace_administrators
from fleet.server.retention.other_records import forget_orders
from fleet.server.retention.pseudonyms import Pseudonyms
from fleet.server.stations.tables import alarms
from fleet.server.verifier.model import EnvelopeFacts, ResetResult
from fleet.server.web.roles import Role
from sim.stories.administrators import listed
from tests.fakes.server.scripted_verifier import ScriptedVerifier
from tests.fleet.server.conftest import NOW, KeptChanges, hold_orders, record

FIRST, SECOND, HOLDER, FAR = "TEST000000-0013", "TEST000000-0014", "TEST000000-0001", "TEST000000-0015"
WHY = "rätt person, fel brev först"


def person(hsa_id: str, name: str = "", **facts: bool) -> Requester:
    """Whose sign-in proved that HSA-id. An account has the same name here, where nothing else is said."""
    return Requester(name or hsa_id, "192.0.2.7", hsa_id=hsa_id, **{"stepped_up": True, **facts})


class Desk:
    """The service, the loop, and a clock that a test sets."""

    def __init__(self, database: Database) -> None:
        self.database, self.verifier, self.now = database, ScriptedVerifier(), NOW
        self.resets = EnvelopeResetService(database, KeptChanges(), lambda: self.now)
        self.sender = EnvelopeResetSender(database, self.verifier, KeptChanges(), lambda: self.now)

    def alarms(self) -> list[tuple[str, str, str]]:
        with self.database.reading.begin() as connection:
            return [
                tuple(row) for row in connection.execute(select(alarms.c.station, alarms.c.code, alarms.c.argument))
            ]

    def audit(self) -> list[tuple[str, str, str]]:
        with self.database.reading.begin() as connection:
            rows, _ = audit.entries(connection)
        return [(row.who, row.action, row.target) for row in reversed(rows)]


@pytest.fixture
def desk(database: Database) -> Desk:
    everyone = (FIRST, SECOND, HOLDER)
    with database.writing.begin() as connection:
        for one in everyone:
            from_issuer(connection, f"https://login.example {one}", one, ((Role.ID_ADMINISTRATOR, "*"),), NOW, one)
        replace_administrators(connection, [*(listed(one, "Test") for one in everyone), listed(FAR, "Test", "entre-b")])
    hold_orders(
        database,
        record(hsa_id=HOLDER),
        record("O-2", card_number="9752269876", slot=4, envelope_key=None, envelope_mac=None),
    )
    return Desk(database)


async def test_two_persons_give_a_letter_new_tries_which_is_told(desk: Desk) -> None:
    asked = desk.resets.ask("O-1", WHY, person(FIRST))
    assert isinstance(asked, ResetRow)
    assert (asked.state, asked.station, asked.by) == ("waiting", "entre-a", FIRST)
    await desk.sender.carry()
    assert desk.verifier.reset == [], "not by one alone"
    agreed = desk.resets.agree("O-1", person(SECOND))
    assert isinstance(agreed, ResetRow)
    await desk.sender.carry()
    await desk.sender.carry()
    assert desk.verifier.reset == [("O-1", EnvelopeFacts("9752269875", "2026a", "ab" * 32), (FIRST, SECOND))]
    story = desk.resets.story("O-1")
    assert story is not None
    assert [(row.state, row.result, row.second) for row in story.rows] == [("ended", "reset", SECOND)]
    assert desk.alarms() == [("entre-a", "tries_reset", "O-1")]
    assert desk.audit() == [
        (FIRST, "tries.ask", "O-1"), (SECOND, "tries.agree", "O-1"), ("server", "tries.reset", "O-1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("by", "refusal"),
    [
        (person(HOLDER), Refusal.HOLDER),
        (person(HOLDER, "tove.test"), Refusal.HOLDER),
        (person("", FIRST), Refusal.NOT_LISTED),
        (person(FAR), Refusal.NOT_LISTED),
        (person("tove.test"), Refusal.NOT_LISTED),
        (person(FIRST, stepped_up=False), Refusal.STEP_UP),
        (person("token:portal", program=True), Refusal.NOT_A_PERSON),
    ],
)
def test_who_may_neither_begin_nor_agree(desk: Desk, by: Requester, refusal: Refusal) -> None:
    assert desk.resets.ask("O-1", WHY, by) == refusal
    desk.resets.ask("O-1", WHY, person(SECOND))
    assert desk.resets.agree("O-1", by) == refusal
    assert desk.resets.objection("O-1", by) == refusal


def test_one_person_is_not_two(desk: Desk) -> None:
    assert isinstance(desk.resets.ask("O-1", WHY, person(FIRST)), ResetRow)
    assert desk.resets.agree("O-1", person(FIRST)) == Refusal.SAME_PERSON
    with desk.database.writing.begin() as connection:
        second = connection.execute(select(users.c.id).where(users.c.name == SECOND)).scalar_one()
        separation_of_duties.record(connection, second, FIRST, "made", NOW)
    assert desk.resets.agree("O-1", person(SECOND)) == Refusal.NOT_ANOTHER_PERSON


def test_two_accounts_of_one_hsa_id_are_one_person(desk: Desk) -> None:
    """The issuer of identities knows the same person under a second subject."""
    assert isinstance(desk.resets.ask("O-1", WHY, person(FIRST)), ResetRow)
    with desk.database.writing.begin() as connection:
        from_issuer(connection, "again", "maj.second", ((Role.ID_ADMINISTRATOR, "*"),), NOW, FIRST)
    assert desk.resets.agree("O-1", person(FIRST, "maj.second")) == Refusal.NOT_ANOTHER_PERSON
    assert desk.resets.agree("O-1", person(SECOND)) == Refusal.NOT_ANOTHER_PERSON, "nobody knows who the first is now"


def test_it_is_decided_once_in_time_and_by_those_of_the_station(desk: Desk) -> None:
    assert desk.resets.agree("O-1", person(SECOND)) == Refusal.NOT_WAITING
    assert isinstance(desk.resets.ask("O-1", WHY, person(FIRST)), ResetRow)
    assert desk.resets.ask("O-1", WHY, person(SECOND)) == Refusal.WAITING
    assert desk.resets.within(frozenset({"entre-b"})).agree("O-1", person(SECOND)) == Refusal.UNKNOWN
    desk.now = NOW + DECIDE
    assert desk.resets.agree("O-1", person(SECOND)) == Refusal.NOT_WAITING
    assert isinstance(desk.resets.ask("O-1", WHY, person(FIRST)), ResetRow)
    assert isinstance(desk.resets.withdraw("O-1", person(SECOND)), ResetRow)
    assert desk.resets.agree("O-1", person(SECOND)) == Refusal.NOT_WAITING
    for order in ("O-2", "O-9"):
        assert desk.resets.ask(order, WHY, person(FIRST)) == Refusal.UNKNOWN, "no letter"


@pytest.mark.parametrize("word", ["reset_before", "not_used_up"])
async def test_the_verifier_has_the_last_word(desk: Desk, word: ResetResult) -> None:
    desk.verifier.resets = word
    desk.resets.ask("O-1", WHY, person(FIRST))
    desk.resets.agree("O-1", person(SECOND))
    await desk.sender.carry()
    story = desk.resets.story("O-1")
    assert story is not None
    assert (story.rows[0].result, desk.alarms()) == (word, [])


async def test_a_verifier_that_is_away_is_asked_again(desk: Desk) -> None:
    desk.verifier.resets = None
    desk.resets.ask("O-1", WHY, person(FIRST))
    desk.resets.agree("O-1", person(SECOND))
    await desk.sender.carry()
    desk.verifier.resets = "reset"
    await desk.sender.carry()
    assert len(desk.verifier.reset) == 1, "another server may just be asking"
    desk.now += timedelta(minutes=2)
    await desk.sender.carry()
    assert desk.alarms() == [("entre-a", "tries_reset", "O-1")]


def test_who_gave_new_tries_is_forgotten_with_the_order(desk: Desk) -> None:
    desk.resets.ask("O-1", WHY, person(FIRST))
    with desk.database.writing.begin() as connection:
        assert forget_orders(connection, orders.c.order == "O-1", Pseudonyms(bytes(32))) == 1
    story = desk.resets.story("O-1")
    assert story is None or story.rows == ()
