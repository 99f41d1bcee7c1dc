"""The texts: both languages complete, every key that is used exists, and every key that exists is used."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

import fleet.server
from fleet.messages.errand_catalog import catalog
from fleet.messages.vocabulary import Effect
from fleet.server.orders.labels import ORDER_STATES
from fleet.server.pages.i18n import choose, load
from tests.fakes.server.readings import NOW, ZONE

SERVER = Path(fleet.server.__file__).parent
SOURCES = "\n".join(path.read_text() for path in [*SERVER.rglob("*.py"), *SERVER.rglob("templates/*.html")])
EXACT = set(
    re.findall(
        r"""(?:\b(?:t|texts|ExportColumn)|texts_for\(request\))\(\s*f?["']([a-z_0-9.]+\.[a-z_0-9]+)["']""", SOURCES
    )
)
MANY = set(re.findall(r"""\.many\(["']([a-z_.]+)["']""", SOURCES))
FAMILIES = {
    "number", "age", "app.theme", "app.language", "nav", "alarm", "alarm_detail", "reason", "closed", "station",
    "device_kind", "device.reader", "device.printer", "device.cabinet", "device.scanner", "device.gpio", "device.touchscreen",
    "kind", "outcome", "bin_reason", "effect",
    "effect_at", "effect_outcome", "signed", "event", "slot", "order", "step", "chart", "audit_action", "alert", "alerts.state",
    "alert_count", "alert_slot", "alert_advice", "alert_outage", "role", "door.why", "step_up.why",
    "keys.why", "contact", "receives", "checkpoint", "account", "token", "once", "severity", "level",
    "command", "command_help", "update_step", "update_fault", "update_now", "update_problem", "command_message", "command_state",
    "tries_refusal", "tries_state", "roll_out_state", "roll_out_unfit",
    "command_result", "command_refusal", "commands.choice", "commands.wrong", "commands.valid", "commands.col",
    "stock.kind", "bins.show", "deadline", "deadline_act", "deadline_will", "deadline_did", "deadline_since",
    "request", "request_ask", "request_who", "declined", "wish", "certificate", "card_reason", "card.do",
    "stock.one", "sign_in_how", "verified", "updates.show", "updates_part", "alert_clock", "alert_duplicate", "clock_off",
    "key_kept", "data_kept",
    "alert_end", "alert_renewal", "alert_unsigned", "guards.name", "timeline.title", "timeline.stock", "timeline.dropped",
    "maintenance_kind", "maintenance_show", "maintenance_state", "maintenance_wrong", "weekday", "error.400", "error.403",
    "administrators_wrong", "administrator_role", "administrator_is",
    "error.404", "error.429", "error.500", "worklist_show", "worklist_kind", "worklist_cause", "worklist_ask",
    "worklist_short", "worklist_do", "worklist_obstacle", "worklist_act", "worklist_certificate", "certificate_file", "claim",
    "join_key",
    "enrolment", "proposal_kind", "proposal_state", "proposal_fact", "proposal_refusal", "proposal_mail", "proposals.choice",
    "proposals.delay", "proposals.face", "proposals.risk", "proposals.told_as", "proposals.after", "proposals.half_which",
    "settings.of", "settings.wrong", "settings_step", "lack",
}  # fmt: skip


def test_both_languages_have_every_key_and_no_empty_text() -> None:
    swedish, english = load()["sv"].catalogue, load()["en"].catalogue
    assert swedish.keys() == english.keys()
    assert all(text.strip() for text in (*swedish.values(), *english.values()))


def test_both_languages_fill_in_the_same_values() -> None:
    swedish, english = load()["sv"].catalogue, load()["en"].catalogue
    values = re.compile(r"\{(\w+)\}")
    numbers = {"n", "count"}  # one language may spell out what the other writes in digits
    different = {
        key
        for key in swedish
        if set(values.findall(swedish[key])) - numbers != set(values.findall(english[key])) - numbers
    }
    assert not different


def test_every_key_that_is_used_exists() -> None:
    known = load()["sv"]
    assert {key for key in EXACT if not known.has(key)} == set()
    assert {key for key in MANY if not (known.has(f"{key}.one") and known.has(f"{key}.other"))} == set()
    assert len(EXACT) > 60


def test_every_key_that_exists_is_used() -> None:
    used = EXACT | {f"{key}.{form}" for key in MANY for form in ("one", "other")}
    unused = {key for key in load()["sv"].catalogue if key not in used and key.rpartition(".")[0] not in FAMILIES}
    assert {key for key in unused if not any(key.startswith(f"{family}.") for family in FAMILIES)} == set()


def test_what_has_only_just_been_is_not_counted_in_seconds() -> None:
    swedish = load()["sv"]
    assert swedish.lately(NOW - timedelta(seconds=59), NOW) == "nyss"
    assert swedish.lately(NOW - timedelta(seconds=60), NOW) == "1 min"


def test_a_code_that_nobody_knows_is_shown_as_it_is() -> None:
    assert load()["sv"].code("outcome", "strange") == "strange"
    assert all(load()["sv"].has(f"order.{state}") for state in ORDER_STATES)


def test_every_effect_and_errand_of_a_station_has_a_word() -> None:
    errands = {entry.id for entry in catalog()}
    known = load()["sv"]
    assert {effect for effect in Effect if not known.has(f"effect.{effect}")} == set()
    assert {name for name in errands if not known.has(f"kind.{name}")} == set()


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "language"),
    [
        (None, None, None, "sv"),
        (None, None, "de, fr;q=0.5", "sv"),
        (None, None, "en-US,en;q=0.9", "en"),
        (None, "en", "sv", "en"),
        ("sv", "en", "en", "sv"),
        ("xx", None, ";;;,,,", "sv"),
    ],
)
def test_the_language_of_a_page(asked: str | None, kept: str | None, accepted: str | None, language: str) -> None:
    assert choose(asked, kept, accepted) == language


def test_numbers_days_and_ages_as_people_write_them() -> None:
    swedish, english = load(ZONE)["sv"], load(ZONE)["en"]
    assert swedish.number(88412) == "88\xa0412"
    assert english.number(88412) == "88,412"
    assert swedish.clock(NOW, seconds=True) == "10:42:18"
    assert swedish.today(NOW) == "ons 25 nov"
    assert english.today(NOW) == "Wed 25 Nov"
    assert swedish.day("2026-12-31") == "31 dec 2026"
    assert swedish.day("soon") == "soon"
    assert swedish.since(NOW - timedelta(hours=3, minutes=50), NOW) == "3 tim"
    assert swedish.since(NOW + timedelta(seconds=5), NOW) == "0 s"
    assert swedish.many("page.todo", 3) == "Tre saker behöver dig."
