"""What leaves a station in a bundle of its log: templates and codes, never a value, and never more than one message holds."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.messages.commands import MAX_RESULT_BYTES, MOST_LINE, MOST_LINES, CommandResult
from fleet.messages.events import Event, Facts, seal
from fleet.messages.link import encode
from fleet.messages.vocabulary import CommandOutcome
from kiosk.station.log_bundle import (
    MOST_BEFORE,
    MOST_LOG,
    OURS,
    WARNINGS,
    LogRing,
    collect_log,
    make_log_bundle,
    read_last_life,
    read_warnings,
)

NAME = "9752269875"


@pytest.fixture
def logger() -> logging.Logger:
    made = logging.Logger("kiosk.made-up")  # of this test alone
    made.addHandler(LogRing())
    return made


def lines(logger: logging.Logger) -> tuple[str, ...]:
    (ring,) = logger.handlers
    assert isinstance(ring, LogRing)
    return ring.lines


def event(number: int, content: dict[str, object]) -> Event:
    time = f"2026-03-02T08:{number // 60:02}:{number % 60:02}Z"
    return seal(Facts("entre-a", 1, number + 1, "boot", "se.kortkiosk.errand.ended", time), content)


def test_a_line_keeps_its_words_and_loses_its_values(logger: logging.Logger) -> None:
    logger.warning("no order for %s in %d places", NAME, 3)
    (line,) = lines(logger)
    assert line.endswith("WARNING kiosk.made-up: no order for %s in %d places")
    assert NAME not in line


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[LogRing]:
    before = {name: list(logging.getLogger(name).handlers) for name in OURS}
    yield collect_log(tmp_path)
    for name, handlers in before.items():
        for one in {*logging.getLogger(name).handlers} - {*handlers}:
            logging.getLogger(name).removeHandler(one)
            one.close()


def test_only_our_own_loggers_are_heard(ring: LogRing) -> None:
    for name in ("kiosk.made-up", "fleet.agent.made-up", "drivers", "kivy", "root"):
        logging.getLogger(name).warning("said")
    assert [line.split()[2] for line in ring.lines] == ["kiosk.made-up:", "fleet.agent.made-up:", "drivers:"]


def test_warnings_outlive_the_program_without_values_and_are_told_once(ring: LogRing, tmp_path: Path) -> None:
    now, logger = datetime.now(UTC), logging.getLogger("kiosk.made-up")
    (tmp_path / f"{WARNINGS}.1").write_text(
        f"{(now - timedelta(days=15)).isoformat()} WARNING kiosk: too long ago\n"
        f"{(now - timedelta(days=13)).isoformat()} WARNING kiosk.made-up: no order for %s\n"
    )
    logger.error("the reader fell")
    logger.warning("no order for %s", NAME)
    logger.info("nobody warns of this")
    fell, again = read_warnings(tmp_path, now + timedelta(seconds=1))
    assert fell.endswith(" x1 ERROR kiosk.made-up: the reader fell")
    assert again.endswith(" x2 WARNING kiosk.made-up: no order for %s")
    assert again.startswith((now - timedelta(days=13)).isoformat())
    assert NAME not in (tmp_path / WARNINGS).read_text()


def test_a_disk_that_takes_no_warnings_stops_nothing(ring: LogRing, tmp_path: Path) -> None:
    (tmp_path / WARNINGS).mkdir()
    logging.getLogger("kiosk.made-up").warning("said")
    assert len(ring.lines) == 1
    assert read_warnings(tmp_path, datetime.now(UTC)) == []


def test_an_error_is_told_by_its_type(logger: logging.Logger) -> None:
    try:
        raise ValueError(NAME)
    except ValueError:
        logger.exception("it broke")
    logger.error(ValueError(NAME))
    first, second = lines(logger)
    assert first.endswith("it broke (ValueError)")
    assert second.endswith(": ValueError")
    assert NAME not in first + second


def test_only_the_latest_are_kept(logger: logging.Logger) -> None:
    for _ in range(MOST_LOG + 5):
        logger.warning("again")
    logger.warning("last")
    assert len(lines(logger)) == MOST_LOG
    assert lines(logger)[-1].endswith("last")


def test_the_end_of_the_life_before_stands_first(tmp_path: Path) -> None:
    assert read_last_life(tmp_path / "none") == []
    (tmp_path / "last").write_text("2026-03-02T08:00:00+00:00 kernel: Oops \u00e5\n" * (MOST_BEFORE + 1))
    before = read_last_life(tmp_path / "last")
    events = [event(number, {}) for number in reversed(range(MOST_LINES))]
    told = make_log_bundle(events, ["2026-03-02T09:00:00.000Z INFO kiosk: it starts"] * MOST_LOG, before)
    assert len(told) == MOST_LINES
    assert set(told[:MOST_BEFORE]) == {"2026-03-02T08:00:00+00:00 kernel: Oops ?"}
    assert told[-1].endswith("it starts")


def test_the_largest_bundle_fits_into_a_result() -> None:
    wide = {"kind": "å" * 400, "outcome": "done", "card_number": NAME}
    events = [event(number, wide) for number in reversed(range(MOST_LINES))]
    told = make_log_bundle(events, ["2026-03-02T09:00:00.000Z WARNING kiosk: ö" + "x" * 400] * (MOST_LOG + 9))
    assert len(told) == MOST_LINES
    assert all(line.isascii() and len(line) <= MOST_LINE for line in told)
    assert list(told) == sorted(told)
    assert not any(NAME in line for line in told)
    assert len(encode(CommandResult(2**53, "0" * 64, CommandOutcome.DONE, lines=told))) <= MAX_RESULT_BYTES
