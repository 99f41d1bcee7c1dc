"""The file of alerts: what it may say, and what is refused in words."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fleet.server.alerts.rules import FINDERS
from fleet.server.alerts.settings import AlertSettings, at_least, load
from fleet.server.maintenance.model import MaintenanceRule
from fleet.server.process.default_settings import SettingsError

ZONE = ZoneInfo("Europe/Stockholm")


def loaded(folder: Path, text: str) -> AlertSettings:
    (folder / "alerts.toml").write_text(text)
    return load(folder / "alerts.toml")


def test_every_rule_that_ships_finds_something_and_every_finder_has_a_rule() -> None:
    assert set(load().rule) == set(FINDERS)


def test_a_file_changes_rules_field_by_field(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[rule.offline]\nafter_s = 600\n[rule.paper]\noff = true\n")
    assert (settings.rule["offline"].after_s, settings.rule["offline"].severity) == (600, "critical")
    assert settings.rule["paper"].off
    assert not settings.rule["reader"].off


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[rule.flying]\noff = true\n", "no rule.flying"),
        ("[rule.offline]\nafter_s = -1\n", "after_s"),
        ("[rule.offline]\nseverity = 'bad'\n", "severity"),
        ("[rule.offline]\nsound = 1\n", "sound"),
        ("rule = 3\n", "alerts.toml"),
        ("[[maintenance]]\nname = 'm'\ngroup = 'g'\nstart = 02:00:00\nend = 03:00:00\n", "no group is called 'g'"),
        ("[groups]\ng = ['*']\n[[maintenance]]\nname = 'm'\ngroup = 'g'\nstart = 02:00:00\n", "either start and end"),
        ("[groups]\ng = ['*']\n[[maintenance]]\nname = 'm'\ngroup = 'g'\nsince = 2026-01-01T00:00:00\n"
         "until = 2026-01-02T00:00:00\n", "time zone"),
        ("[groups]\ng = ['A/b']\n", "groups"),
        ("[[webhook]]\nname = 'w'\nurl = 'ftp://x'\n", "url"),
        ("[[email]]\nname = 'w'\nhost = 'x'\nsender = 'a@b'\nto = []\n", "to"),
        ("[[webhook]]\nname = 'w'\nurl = 'http://x'\n[[webhook]]\nname = 'w'\nurl = 'http://x'\n", "same name"),
        ("[[email]]\nname = 'w'\nhost = 'x'\nsender = 'a@b'\nto = ['c@d']\nuser = 'u'\nsecurity = 'none'\n", "over TLS only"),
        ("this is no TOML", "alerts.toml"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_words(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        loaded(tmp_path, text)


def test_a_window_of_every_sunday_night_holds_over_midnight(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "[groups]\nhospital = ['entre-*']\n[[maintenance]]\nname = 'n'\ngroup = 'hospital'\ndays = ['sun']\n"
        "start = 23:00:00\nend = 01:30:00\n",
    )
    sunday = datetime(2026, 6, 7, 23, 0, tzinfo=ZONE)
    held = [settings.in_maintenance("entre-a", sunday + timedelta(minutes=at)) for at in (-1, 0, 149, 150)]
    assert held == [False, True, True, False]
    assert not settings.in_maintenance("entre-a", sunday + timedelta(days=1))
    assert not settings.in_maintenance("akuten", sunday)


def test_a_window_of_one_span_holds_once() -> None:
    start = datetime(2026, 6, 7, 1, 0, tzinfo=ZONE)
    once = MaintenanceRule("m", "g", since=start, until=start + timedelta(hours=2))
    assert [once.holds(start + timedelta(hours=at)) for at in (-1, 0, 1, 2)] == [False, True, True, False]


def test_severities_are_ordered() -> None:
    assert at_least("critical", "warning")
    assert at_least("warning", "warning")
    assert not at_least("notice", "warning")


def test_who_is_told_of_a_command_that_waits_is_every_channel_unless_it_is_said(tmp_path: Path) -> None:
    hooks = "".join(f"[[webhook]]\nname = '{name}'\nurl = 'http://127.0.0.1:1'\n" for name in ("a", "b"))
    said = ("", "second_person = ['b']\n", "second_person = []\n")
    assert [loaded(tmp_path, one + hooks).seconds for one in said] == [("a", "b"), ("b",), ()]
    with pytest.raises(SettingsError, match="no channel is called 'c'"):
        loaded(tmp_path, "second_person = ['c']\n" + hooks)
