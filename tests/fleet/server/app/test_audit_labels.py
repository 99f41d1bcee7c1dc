"""The audit in words: no code of a program is left for a person to guess."""

from datetime import UTC, datetime

import pytest

from fleet.server.audit.labels import action_detail, action_label, action_target
from fleet.server.audit_log.log import AuditRow
from fleet.server.pages.i18n import load
from fleet.server.stations.labels import natural_sort_key

SWEDISH = load()["sv"]


@pytest.mark.parametrize(
    ("action", "target", "detail", "said"),
    [
        ("command.ask", "entre-a open_slot 14 #1", "sned", ("entre-a: Öppna fack 14 #1", "sned")),
        (
            "command.failed",
            "entre-a restart #2",
            "busy",
            ("entre-a: Starta om #2", "Någon var vid stationen hela tiden."),
        ),
        ("alert.acknowledge", "entre-a paper", "", ("entre-a: Papperet tar slut", "")),
        ("sign-in", "tove.test", "password", ("tove.test", "med lösenord")),
        ("card.block", "9752 2690", "stolen", ("9752 2690", "Stulet")),
        ("people.search", "Åsa", "waiting", ("Åsa", "Väntar i fack")),
        ("user.add", "rut.test", "viewer *, operator entre-*", ("rut.test", "Läsare, Operatör (entre-*)")),
        ("token.add", "portal", "viewer *, 365 days", ("portal", "Läsare, 365 dagar")),
        ("user.disable", "rut.test", "undone", ("rut.test", "")),
        ("export", "errands", "csv paper", ("errands", "csv paper")),
    ],
)
def test_codes_of_the_audit_are_said_in_words(action: str, target: str, detail: str, said: tuple[str, str]) -> None:
    entry = AuditRow(1, datetime(2026, 11, 25, tzinfo=UTC), "tove.test", action, target, detail, "", "00")
    assert (action_target(entry, SWEDISH), action_detail(entry, SWEDISH)) == said


def test_an_account_that_is_opened_again_is_not_said_to_be_closed() -> None:
    assert action_label("user.disable", "undone").text(SWEDISH) == "Öppnade konto"
    assert action_label("user.disable").text(SWEDISH) == "Stängde konto"


def test_titles_come_in_the_order_of_the_language() -> None:
    titles = ["Östra", "Entré 10", "Ängsvik", "Entré 9", "Åsen", "entré 9b"]
    assert sorted(titles, key=natural_sort_key) == ["Entré 9", "entré 9b", "Entré 10", "Åsen", "Ängsvik", "Östra"]
