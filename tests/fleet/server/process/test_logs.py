"""The server's log: lines for people or for machines, and nothing of people in either."""

import io
import json
import logging

import pytest

from fleet.server.process.logs import FORMATS, Format, Repetitions, clean, configure

SECRETS = (
    "9752269875",
    "97522698 75",
    "191212121212",
    "121212-1212",
    "12345678",
    "SE2321000016-1003",
    "kkf_made-up-token",
)


def logged(form: Format, *args: object, error: bool = False) -> str:
    stream = io.StringIO()
    configure(form, "warning", stream)
    log = logging.getLogger("fleet.made-up")
    if error:
        try:
            raise ValueError(f"made-up fault at {SECRETS[0]}")
        except ValueError:
            log.exception(*args)  # type: ignore[arg-type]
    else:
        log.warning(*args)  # type: ignore[arg-type]
        log.info("not said")
    return stream.getvalue()


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMATS)
def test_no_code_number_or_person_is_left(form: Format, secret: str) -> None:
    assert secret not in logged(form, "the card %s of %r", secret, [secret])
    assert secret not in logged(form, f"the card {secret}", error=True)


def test_a_line_for_machines_is_one_object() -> None:
    (line,) = logged("json", "station %s: %d events\nmore", "entre-a", 7).splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["logger"]) == (
        "station entre-a: 7 events\nmore",
        "warning",
        "fleet.made-up",
    )
    assert said["timestamp"].endswith("Z")


def test_a_line_for_people() -> None:
    line = logged("text", "left the broker at %s", "127.0.0.1:8883")
    assert line.split(" ", 1)[1] == "WARNING fleet.made-up: left the broker at 127.0.0.1:8883\n"


@pytest.mark.parametrize("form", FORMATS)
def test_what_others_say_begins_no_line_of_its_own(form: Format) -> None:
    text = logged(form, "the issuer refused: %s", "no\r\n2026-06-01T08:00:00Z ERROR fleet: made up\u2028\x1b[31m")
    assert (text.count("\n"), text[-1]) == (1, "\n")
    assert "\x1b" not in text


@pytest.mark.parametrize("form", FORMATS)
def test_an_error_is_told_by_kind_and_place(form: Format) -> None:
    line = logged(form, "cannot go on", error=True)
    assert "ValueError" in line
    assert "test_logs.py" in line
    assert "made-up fault" not in line


def test_what_is_no_secret_stays() -> None:
    for text in ("2026-06-01T10:00:00Z", "sequence 1234567", "hash 5feceb66ffc86f38", "127.0.0.1:8883", "0006"):
        assert clean(text) == text


def test_of_lines_that_are_alike_so_many_are_written_and_the_rest_is_counted() -> None:
    now_s, stream = [0.0], io.StringIO()
    configure("text", "info", stream)
    logging.root.handlers[0].filters[:] = [Repetitions(lambda: now_s[0])]
    log = logging.getLogger("fleet.made-up")
    for number in range(100):
        log.warning("wrong %d", number)
        log.info("right %d", number)
    log.error("something else")
    now_s[0] = 60.0
    log.warning("wrong %d", 100)
    lines = stream.getvalue().splitlines()
    wrong = [line.partition(": ")[2] for line in lines if "WARNING" in line]
    assert wrong == [
        *(f"wrong {number}" for number in range(29)),
        "wrong 29 [more like this are left out for a minute]",
        "wrong 100 [70 like this were left out]",
    ]
    assert sum("right" in line for line in lines) == 100
    assert sum("something else" in line for line in lines) == 1


def test_texts_without_end_are_not_remembered_without_end() -> None:
    seen = Repetitions(lambda: 0.0)
    for number in range(5000):
        assert seen.filter(logging.LogRecord("fleet", logging.ERROR, "", 0, f"text {number}", (), None))
    assert len(seen.seen) == 1000
