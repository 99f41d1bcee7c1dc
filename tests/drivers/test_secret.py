"""A code on its way shows itself nowhere: not printed, not formatted, not kept, not in a fault."""

import copy
import json
import logging
import pickle
import traceback

import pytest

from drivers.secret import Secret

CODE = "246813"  # made up
SHOWN = [repr, str, format, "{}".format, "{!r}".format, "{:>12}".format, lambda code: f"{[code]} {(code,)} {code!s}"]


@pytest.mark.parametrize("show", SHOWN)
def test_it_prints_as_stars(show: object) -> None:
    assert CODE not in show(Secret(CODE))  # type: ignore[operator]


def test_nor_does_a_log_line_or_a_traceback_show_it(caplog: pytest.LogCaptureFixture) -> None:
    code = Secret(CODE)
    try:
        raise ValueError(code)
    except ValueError as fault:
        logging.getLogger("made up").exception("it failed with %s", code)
        said = "".join(traceback.TracebackException.from_exception(fault, capture_locals=True).format())
    assert CODE not in caplog.text + said.replace(f'CODE = "{CODE}"', "")


@pytest.mark.parametrize("keep", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash])
def test_it_is_not_kept(keep: object) -> None:
    with pytest.raises(TypeError):
        keep(Secret(CODE))  # type: ignore[operator]


def test_two_of_them_are_compared_whatever_was_typed() -> None:
    assert Secret(CODE) == Secret(CODE) != Secret("246814")
    assert Secret("24\udce5813") != Secret(CODE)
    assert Secret(CODE) != CODE
    assert len(Secret(CODE)) == 6
    assert Secret(CODE).reveal() == CODE
