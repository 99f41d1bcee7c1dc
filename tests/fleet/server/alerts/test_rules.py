"""Each rule as one story: a look at the fleet, and what is found in it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from fleet.messages.link import DeviceState, SettingsState, SlotState, StationState, UpdateState
from fleet.server.alerts.labels import alert_detail
from fleet.server.alerts.rules import (
    ACTION_CODES,
    ENDING,
    FINDERS,
    LATCHED,
    FailedErrand,
    FleetSnapshot,
    OpenProposal,
    RaisedAlarm,
    RetiredStation,
    ReturnedCard,
    RuleMatch,
    StationSnapshot,
    evaluate_rules,
)
from fleet.server.alerts.settings import AlertRule, load
from fleet.server.enrolment.queries import WaitingStation
from fleet.server.keys.expiry import End
from fleet.server.pages import i18n
from fleet.server.stations.model import Contact
from fleet.server.worklist.model import Kind, WorklistRow
from tests.fakes.server.alerts import alert

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
STATE = StationState(title="A", version="1.0", bootid="b", time=NOW.isoformat())
RULES = load().rule


def seen(name: str = "entre-a", *, online: bool = True, bin_cards: int = 0, **changes: object) -> StationSnapshot:
    contact = Contact.ONLINE if online else Contact.OFFLINE
    return StationSnapshot(
        name, contact, NOW - timedelta(hours=1), msgspec.structs.replace(STATE, **changes), bin_cards
    )


def device(kind: str, state: str, *, ok: bool = False) -> dict[str, object]:
    return {"devices": (DeviceState("It", kind, state, ok),)}  # type: ignore[arg-type]


def found(*stations: StationSnapshot, rules: dict[str, AlertRule] = RULES, **look: object) -> list[RuleMatch]:
    return list(evaluate_rules(FleetSnapshot(NOW, stations, **look), rules))  # type: ignore[arg-type]


AT_ONE_STATION = [
    (seen(**device("reader", "no_reader")), "reader", "It", "no_reader"),
    (seen(**device("printer", "cover_open")), "printer", "It", "cover_open"),
    (seen(**device("printer", "out_of_paper")), "paper", "It", "out_of_paper"),
    (seen(**device("printer", "paper_low", ok=True)), "paper", "It", "paper_low"),
    (seen(**device("cabinet", "mute")), "cabinet", "It", "mute"),
    (seen(slots=(SlotState(4, "present", "open"),)), "slot", "4", "open"),
    (seen(slots=(SlotState(4, "unknown", "closed"),)), "slot", "4", "unknown"),
    (seen(bin_cards=150), "bin_full", "", "150"),
    (seen(time=(NOW + timedelta(hours=1)).isoformat()), "clock", "", "ahead"),
    (seen(clock_off_s=301), "clock", "", "ahead"),
    (seen(clock_off_s=-301), "clock", "", "behind"),
    (seen(outbox_depth=200), "outbox_depth", "", "200"),
    (seen(data_kept="open"), "data_not_encrypted", "", ""),
    (seen(settings=SettingsState(refused="3f2a", reason="link: gone")), "settings_refused", "", "link: gone"),
    (seen(update=UpdateState("kortkiosk-arm64", "A", failed="fell_back")), "update_failed", "", "fell_back"),
]
OF_MANY = {
    "returned_open",
    "retired_heard",
    "station_waits_for_approval",
    "proposal_open",
    "server_part",
    "directory_away",
    "handover_unregistered",
    "worklist_late",
    "card_in_use",
    "silent",
    "offline",
    "cut_off",
    "version",
    "product_failing",
    "reader_failing",
}
"""Rules that look at more than one state; each has a test of its own below."""


def waiting(kind: Kind, hours: float) -> WorklistRow:
    """A row of the worklist that has so many hours left."""
    due = NOW + timedelta(hours=hours)
    return WorklistRow(f"{kind}-{hours}", kind, "O-1", "9752269875", "", None, "entre-a", "unblock", NOW, due)


@pytest.mark.parametrize(("station", "code", "subject", "detail"), AT_ONE_STATION)
def test_one_thing_is_wrong_at_one_station(station: StationSnapshot, code: str, subject: str, detail: str) -> None:
    assert found(station) == [RuleMatch("entre-a", code, subject, detail)]


def test_every_rule_is_tried() -> None:
    assert {code for _, code, _, _ in AT_ONE_STATION} | OF_MANY == FINDERS.keys() - LATCHED - {*ENDING}


@pytest.mark.parametrize("number", ["1", "150"])
def test_a_number_of_an_alert_is_said_with_what_it_counts(number: str) -> None:
    counting = {code for _, code, _, detail in AT_ONE_STATION if detail.isdigit()} | {
        "product_failing",
        "reader_failing",
    }
    assert len(counting) > 3
    for texts in i18n.load().values():
        for code in counting:
            assert alert_detail(alert(1, "a", code, detail=number), texts) not in ("", number), code


@pytest.mark.parametrize(
    "station",
    [
        seen(**device("printer", "ready", ok=True)),
        seen(slots=(SlotState(4, "present", "open"),), errand="pickup"),
        seen(time=(NOW - timedelta(days=3)).isoformat()),
        seen(time="yesterday"),
        seen(clock_off_s=-300),
        seen(clock_off_s=300, time=(NOW + timedelta(hours=1)).isoformat()),
        seen(bin_cards=149, outbox_depth=199),
        seen(data_kept="tpm"),
        seen(data_kept="file"),
        seen(update=UpdateState("kortkiosk-arm64", "B", "testing", "2026.48.1")),
        StationSnapshot("entre-a", Contact.ONLINE, NOW, None),
        StationSnapshot("entre-a", Contact.OFFLINE, None, None),  # added by name, and still to be set up
    ],
)
def test_nothing_is_wrong(station: StationSnapshot) -> None:
    assert found(station) == []


def test_a_card_that_was_given_back_and_that_nobody_asked_to_block_is_told_with_its_order() -> None:
    card = ReturnedCard("entre-a", "O-1", "9752269875", NOW - timedelta(minutes=9))
    assert found(seen(), returned=(card,)) == [
        RuleMatch("entre-a", "returned_open", "O-1", "9752269875", since=NOW - timedelta(minutes=9))
    ]


def test_a_retired_station_is_told_of_while_it_speaks_and_for_nothing_else() -> None:
    spoke = NOW - timedelta(minutes=9)
    for retired, heard, expected in (
        (NOW - timedelta(days=1), spoke, [RuleMatch("entre-a", "retired_heard", since=spoke)]),
        (NOW - timedelta(days=1), NOW - timedelta(minutes=15), []),
        (spoke, spoke, []),
        (NOW - timedelta(days=1), None, []),
    ):
        assert found(retired=(RetiredStation("entre-a", retired, heard),)) == expected


def test_what_waits_too_long_for_an_administrator_is_told_of_each_station() -> None:
    waits = (waiting("hold", hours=0), waiting("hold", hours=-1), waiting("letter", hours=1))
    assert found(seen(), worklist=waits) == [RuleMatch("entre-a", "worklist_late", detail="2")]


def test_a_card_in_use_that_nobody_has_handed_over_is_told_with_its_order() -> None:
    assert found(seen(), worklist=(waiting("in_use", hours=24),)) == [
        RuleMatch("entre-a", "card_in_use", "O-1", "9752269875", since=NOW)
    ]


def test_a_hand_over_that_the_issuer_has_not_confirmed_is_told_with_its_order() -> None:
    card = ReturnedCard("entre-a", "O-1", "9752269875", NOW - timedelta(hours=25))
    assert found(seen(), unregistered=(card,)) == [
        RuleMatch("entre-a", "handover_unregistered", "O-1", "9752269875", since=NOW - timedelta(hours=25))
    ]


def test_an_offline_station_says_nothing_of_its_devices() -> None:
    station = seen(online=False, **device("reader", "no_reader"))
    assert found(station) == [RuleMatch("entre-a", "offline", since=NOW - timedelta(hours=1))]


def test_a_version_that_most_do_not_have_is_found() -> None:
    stations = [seen("a"), seen("b"), seen("c", version="0.9")]
    assert found(*stations) == [RuleMatch("c", "version", detail="0.9")]


def failures(*cards: tuple[str, str, str], age_h: float = 1) -> Sequence[FailedErrand]:
    return tuple(FailedErrand(station, product, card, NOW - timedelta(hours=age_h)) for station, product, card in cards)


def test_three_cards_of_one_product_fail_at_three_stations() -> None:
    cards = failures(("a", "601", "1"), ("b", "601", "2"), ("c", "601", "3"), ("c", "602", "4"))
    assert found(failures=cards) == [RuleMatch("", "product_failing", "601", "3")]


def test_one_reader_fails_three_cards() -> None:
    cards = failures(("a", "", "1"), ("a", "", "2"), ("a", "", "3"), ("b", "", "4"))
    assert found(failures=cards) == [RuleMatch("a", "reader_failing", detail="3")]


def test_one_card_that_fails_again_and_again_is_neither_and_yesterday_is_over() -> None:
    assert found(failures=failures(*[("a", "601", "1")] * 5)) == []
    assert found(failures=failures(("a", "601", "1"), ("a", "601", "2"), ("a", "601", "3"), age_h=25)) == []


@pytest.mark.parametrize("code", sorted(LATCHED - ACTION_CODES))
def test_an_alarm_that_ingest_has_kept_is_found(code: str) -> None:
    (one,) = found(kept=(RaisedAlarm("entre-a", code, "1:7", NOW, 3),))
    assert (one.key, one.detail, one.since, one.times) == (("entre-a", code, ""), "1:7", NOW, 3)


@pytest.mark.parametrize(
    ("days", "codes"),
    [(61, 0), (60, 0), (59, 1), (30, 1), (29, 2), (7, 2), (6, 3), (0, 3), (-400, 3)],
)
def test_people_are_told_at_sixty_thirty_and_seven_days(days: int, codes: int) -> None:
    """Severer each time, of the server's own things and of what stations say, also while they are away."""
    at = NOW + timedelta(days=days)
    station = seen(certificate_until=at.isoformat())
    told = [
        one for one in found(station, ends=(End("secret", "hook.txt", at), End("keys", "", at))) if one.code in ENDING
    ]
    assert [one.code for one in told[::3]] == list(ENDING[:codes])
    assert {one.key[::2] for one in told} == (
        {("entre-a", "station"), ("", "secret hook.txt"), ("", "keys")} if codes else set()
    )
    assert all(one.detail.startswith(f"{at:%Y-%m-%d} ") for one in told)
    away = [one for one in found(seen(online=False, certificate_until=at.isoformat())) if one.code in ENDING]
    assert len(away) == codes
    assert [RULES[code].severity for code in ENDING] == ["notice", "warning", "critical"]


@pytest.mark.parametrize(("left", "codes"), [(89, 0), (30, 0), (23, 0), (21, 2), (6, 3)])
def test_a_certificate_that_renews_itself_is_told_of_once_that_is_late(left: int, codes: int) -> None:
    """Of 90 days, renewed at two thirds: with 30 left nothing is wrong."""
    at = NOW + timedelta(days=left)
    station = seen(certificate_until=at.isoformat(), certificate_from=(at - timedelta(days=90)).isoformat())
    assert len([one for one in found(station) if one.code in ENDING]) == codes


def test_a_part_of_the_server_that_does_not_work_is_told_after_a_minute() -> None:
    """As health says it: before, nobody was told who did not look there."""
    (one,) = found(parts={"verifier": "away"})
    assert (one.key, one.detail) == (("", "server_part", "verifier"), "away")
    assert (RULES["server_part"].severity, RULES["server_part"].after_s) == ("critical", 60)


def test_a_directory_that_does_not_answer_is_told_in_its_own_words() -> None:
    (one,) = found(parts={"directory": "LDAP: ConnectionError"})
    assert (one.key, one.detail) == (("", "directory_away", ""), "LDAP: ConnectionError")
    assert (RULES["directory_away"].severity, RULES["directory_away"].after_s) == ("warning", 900)


def test_a_station_that_says_no_time_ends_never() -> None:
    assert found(seen(certificate_until="soon")) == []


def test_a_rule_that_is_off_finds_nothing() -> None:
    off = {code: msgspec.structs.replace(rule, off=True) for code, rule in RULES.items()}
    assert found(seen(online=False), rules=off) == []


def test_a_new_station_that_waits_is_told_by_its_name_and_two_keys_as_a_conflict() -> None:
    since = NOW - timedelta(minutes=3)
    waiting = (
        WaitingStation("entre-b", since, is_in_conflict=False),
        WaitingStation("entre-c", since, is_in_conflict=True),
    )
    told = [(match.station, match.subject, match.detail, match.since) for match in found(waiting=waiting)]
    assert told == [("", "entre-b", "", since), ("", "entre-c", "conflict", since)]


def test_what_one_person_wants_to_give_is_told_by_its_number_and_kind() -> None:
    proposed = (OpenProposal(31, "administrator", NOW),)
    told = [(match.subject, match.detail, match.since) for match in found(proposed=proposed)]
    assert told == [("31", "administrator", NOW)]
