"""The chain of the audit: whole as written, and broken by any change to it, at the very entry."""

import json
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from fleet.server.audit_log.log import AuditEvent, without_numbers
from fleet.server.audit_log.tables import audit, audit_head
from fleet.server.cli import main
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Caller

CALLER = Caller("tove", "key", ())


@pytest.fixture
def told(access: Access) -> Access:
    """Seven entries."""
    for number in range(7):
        access.record(CALLER, "192.0.2.7", AuditEvent("people.search", f"NS-{number}"))
    return access


def test_entries_follow_one_another(told: Access) -> None:
    verdict = told.verify()
    assert (verdict.entries, verdict.broken) == (7, None)
    rows, total = told.entries(limit=2)
    assert ([one.target for one in rows], total) == (["NS-6", "NS-5"], 7)
    assert rows[0].hash == verdict.head


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (update(audit).where(audit.c.sequence == 3).values(who="somebody"), 3),
        (update(audit).where(audit.c.sequence == 3).values(entry="{}"), 3),
        (update(audit).where(audit.c.sequence == 3).values(hash="0" * 64), 3),
        (delete(audit).where(audit.c.sequence == 5), 5),
        (delete(audit).where(audit.c.sequence == 7), 7),
        (update(audit_head).values(hash="0" * 64), 8),
        (update(audit).values(entry="", who=""), 7),
    ],
)
def test_a_change_is_found_where_it_is(told: Access, change: object, broken: int) -> None:
    with told.database.writing.begin() as connection:
        connection.execute(change)  # type: ignore[call-overload]
    assert told.verify().broken == broken


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("191212121212", "[number]"),
        ("19121212-1212", "[number]"),
        ("1212121212", "[number]"),
        ("Tove 121272+1212 x", "Tove [number] x"),
        ("SE2321000999-7K01", "SE2321000999-7K01"),
        ("9752269050826134", "9752269050826134"),
        ("00000000-0000-4000-8000-000000000008", "00000000-0000-4000-8000-000000000008"),
        ("NS-20417", "NS-20417"),
    ],
)
def test_personal_numbers_do_not_enter(text: str, kept: str) -> None:
    assert without_numbers(text) == kept


def test_the_program_adds_people_and_tokens_and_verifies(
    told: Access, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    where = ["--data", str(tmp_path), "--json"]

    def said(*words: str, code: int = 0) -> dict[str, object]:
        assert main([*words, *where]) == code
        answer: dict[str, object] = json.loads(capsys.readouterr().out)
        return answer

    link = str(said("user", "add", "nils.test", "--role", "operator", "--stations", "lasarettet-*")["set_up"])
    assert told.offered(link.removeprefix("/set-up/")) is not None
    assert said("user", "list")["users"] == [
        {
            "name": "nils.test",
            "kind": "local",
            "state": "not set up",
            "hsa_id": "",
            "grants": [["operator", "lasarettet-*"]],
        }
    ]
    assert "there is an account" in str(said("user", "add", "nils.test", "--role", "viewer", code=2)["error"])
    assert said("user", "reset", "nils.test")["set_up"] != link
    assert told.offered(link.removeprefix("/set-up/")) is None
    said("user", "disable", "nils.test")
    value = str(said("token", "add", "feed", "--role", "viewer", "--days", "2")["token"])
    assert value.startswith("kkf_")
    said("token", "revoke", "feed")
    assert told.by_token(value) is None
    assert said("token", "list")["tokens"][0]["state"] == "revoked"  # type: ignore[index]
    assert said("verify-audit")["entries"] == 12
    with told.database.writing.begin() as connection:
        connection.execute(update(audit).where(audit.c.sequence == 9).values(who="somebody"))
    assert "broken from entry 9" in str(said("verify-audit", code=3)["error"])
