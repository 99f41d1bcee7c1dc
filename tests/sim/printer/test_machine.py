"""The virtual printer reads its bytes as a printer does, however they are cut into packets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.printer import protocol
from drivers.printer.port import CoverOpen, CutterFault, Offline, OutOfPaper, PrinterStatus, Ready
from drivers.printer.protocol import StatusBytes, decode_status
from sim.printer.machine import PrinterFaults, PrinterMachine

RASTER = b"\x1dv0\x00\x30\x00\x02\x00" + bytes(range(96))
RECEIPT = b"\x1b@" + RASTER + protocol.GS_R_PAPER + b"Hej\n" + b"\x1bd\x03" + b"\x1dV\x01" + protocol.GS_R_PAPER


def test_packets_may_be_cut_anywhere() -> None:
    whole = PrinterMachine(384)
    answer = whole.feed(RECEIPT)
    (paper,) = whole.take_receipts()

    bytewise = PrinterMachine(384)
    answers = b"".join(bytewise.feed(bytes((byte,))) for byte in RECEIPT)

    assert answers == answer == b"\x00\x00"
    assert bytewise.take_receipts()[0].tobytes() == paper.tobytes()


def test_a_status_request_is_answered_while_the_printer_is_stopped() -> None:
    machine = PrinterMachine(384)
    machine.set_faults(PrinterFaults(cover_open=True))

    assert machine.feed(RECEIPT) == b""
    assert machine.feed(protocol.DLE_EOT + b"\x02") == bytes((0x12 | 0x04,))


def test_the_rest_is_printed_when_the_cover_is_closed() -> None:
    machine = PrinterMachine(384)
    machine.set_faults(PrinterFaults(cover_open=True))
    machine.feed(RECEIPT)

    assert machine.set_faults(PrinterFaults()) == b"\x00\x00"
    assert len(machine.take_receipts()) == 1


def test_cleared_buffers_leave_nothing_to_print() -> None:
    machine = PrinterMachine(384)
    machine.set_faults(PrinterFaults(out_of_paper=True))
    machine.feed(RECEIPT + protocol.DLE_DC4_CLEAR)

    assert machine.set_faults(PrinterFaults()) == b""
    assert machine.take_receipts() == []


def test_noise_does_not_stop_it() -> None:
    machine = PrinterMachine(384)

    machine.feed(b"\x10\x99\x1bZ\x1dQ\x00\x01" + RECEIPT)

    assert len(machine.take_receipts()) == 1


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (StatusBytes(0x12, 0x12, None, 0x12), Ready()),
        (StatusBytes(0x12, 0x12, None, 0x1E), Ready(paper_low=True)),
        (StatusBytes(0x1A, 0x32, None, 0x7E), OutOfPaper()),
        (StatusBytes(0x1A, 0x16, None, 0x12), CoverOpen()),
        (StatusBytes(0x1A, 0x36, None, 0x7E), CoverOpen()),
        (StatusBytes(0x1A, 0x52, 0x1A, 0x12), CutterFault()),
        (StatusBytes(0x1A, 0x52, 0x32, 0x12), Offline()),
        (StatusBytes(0x1A, 0x12, None, 0x12), Offline()),
    ],
)
def test_status_bytes_mean_what_the_command_reference_says(answers: StatusBytes, status: PrinterStatus) -> None:
    assert decode_status(answers) == status


PIECES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        (
            RECEIPT,
            b"Hej",
            b"\n",
            protocol.DLE_EOT + b"\x04",
            protocol.DLE_DC4_CLEAR,
            b"\x1b@\x1bt\x13\x1d!\x77\x1bE\x01\x1ba\x02",
            b"\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x03\x1d(k\x03\x001E1\x1d(k\x08\x001P0KK1.x\x1d(k\x03\x001Q0",
            b"\x1dh\x20\x1dw\x02\x1dkI\x06{B7F3A",
            "Örjan på 48 tecken som inte ryms på en rad på papperet\n".encode("cp858"),
        )
    ),
)


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(PIECES, max_size=12), cuts=st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_whatever_it_is_sent_and_however_that_is_cut_the_same_comes_out(pieces: list[bytes], cuts: list[int]) -> None:
    sent = b"".join(pieces)
    whole, cut = PrinterMachine(384), PrinterMachine(384)
    answers = whole.feed(sent)
    said, at, turn = b"", 0, 0
    while at < len(sent):
        size = cuts[turn % len(cuts)]
        said += cut.feed(sent[at : at + size])
        at, turn = at + size, turn + 1

    assert said == answers
    assert all(protocol.is_real_time(one) or protocol.is_in_turn(one) for one in answers)
    assert [one.tobytes() for one in cut.take_receipts()] == [one.tobytes() for one in whole.take_receipts()]
