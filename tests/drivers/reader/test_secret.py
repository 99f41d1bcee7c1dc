"""A code on its way shows itself nowhere: not printed, not formatted, not kept, not in a fault."""

import copy
import json
import logging
import pickle
import traceback

import pytest

from drivers.reader.secret import SLOT_BYTES, SLOTS, CodeBuffer, Secret, WipedError

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


class WholeBuffer(CodeBuffer):
    """A buffer that shows the bytes beyond its end, too."""

    __slots__ = ()

    def whole(self) -> bytes:
        return bytes(self._memory)


def filled(code: str) -> CodeBuffer:
    """A buffer that holds a code of ASCII."""
    buffer = CodeBuffer(len(code))
    for byte in code.encode():
        buffer.append(byte)
    return buffer


def test_it_is_wiped_and_gives_nothing_any_more() -> None:
    buffer = filled(CODE)
    view, code = buffer.view(), Secret.of(buffer)
    assert bytes(view) == CODE.encode()
    code.wipe()
    assert bytes(view) == bytes(6)
    for use in (code.reveal, code.characters, lambda: code == Secret(CODE)):
        with pytest.raises(WipedError, match="its errand is over"):
            use()
    assert (len(code), f"{code}") == (6, "******")
    code.wipe()


def test_what_nobody_holds_is_wiped() -> None:
    buffer = filled(CODE)
    view, code = buffer.view(), Secret.of(buffer)
    del buffer, code
    assert bytes(view) == bytes(6)


def test_characters_are_those_of_the_code_whatever_was_typed() -> None:
    for typed in (CODE, "åäö", "24\udce5813", ""):
        assert "".join(Secret(typed).characters()) == Secret(typed).reveal() == typed
        assert len(Secret(typed)) == len(typed)


def test_a_buffer_is_filled_and_emptied_from_its_end() -> None:
    buffer = CodeBuffer(3)
    for byte in b"123":
        buffer.append(byte)
    with pytest.raises(IndexError):
        buffer.append(0x34)
    buffer.pop()
    assert (bytes(buffer.view()), len(buffer), buffer[1]) == (b"12", 2, 0x32)
    with pytest.raises(IndexError):
        buffer[2]
    buffer.wipe()
    with pytest.raises(IndexError):
        buffer.pop()


def test_more_codes_than_there_are_slots_and_longer_ones_are_kept_as_well() -> None:
    """A slot that is given back is used again, and holds nothing of before."""
    many = [Secret(f"{number:06}") for number in range(2 * SLOTS)]
    assert [code.reveal() for code in many] == [f"{number:06}" for number in range(2 * SLOTS)]
    del many
    assert Secret("9" * 500).reveal() == "9" * 500
    assert WholeBuffer(SLOT_BYTES).whole() == bytes(SLOT_BYTES)
