"""Transport: what T=0 leaves to the caller is done here, within bounds, and a lost card stays lost."""

import pytest

from drivers.reader import iso7816
from drivers.reader.apdu import CommandApdu
from drivers.reader.errors import CardAnswerError, CardGoneError, CardSlowError
from drivers.reader.transport.channel import MAX_PARTS, ApduChannel
from tests.drivers.reader.conftest import ScriptedConnection


def test_an_answer_in_parts_is_fetched_whole() -> None:
    card = ScriptedConnection(["6102", "aabb6101", "cc9000"])
    response = ApduChannel(card).send(iso7816.select(iso7816.SelectBy.ANY, iso7816.SelectAnswer.FCI, b"\x3f\x00"))
    assert (response.data.hex(), response.sw) == ("aabbcc", 0x9000)
    assert card.sent[1:] == ["00c0000002", "00c0000001"]


def test_a_wrong_length_is_asked_again_with_the_right_one() -> None:
    card = ScriptedConnection(["6c03", "aabbcc9000"])
    assert ApduChannel(card).send(iso7816.read_binary(0, 256)).data.hex() == "aabbcc"
    assert card.sent == ["00b0000000", "00b0000003"]


def test_a_code_is_never_sent_twice() -> None:
    card = ScriptedConnection(["6c03"])
    assert ApduChannel(card).send(iso7816.verify(1, b"123456")).sw == 0x6C03
    assert len(card.sent) == 1


def test_an_answer_without_end_is_cut_off() -> None:
    card = ScriptedConnection({"00": ["6101"]})
    with pytest.raises(CardAnswerError, match="without end"):
        ApduChannel(card).send(iso7816.read_binary(0, 1))
    assert len(card.sent) <= MAX_PARTS + 2


def test_an_operation_has_a_budget_of_exchanges() -> None:
    channel = ApduChannel(ScriptedConnection({"00": ["9000"]}), max_exchanges=3)
    command = CommandApdu("X", 0, 1)
    for _ in range(3):
        channel.send(command)
    with pytest.raises(CardAnswerError, match="too many"):
        channel.send(command)
    channel.new_operation()
    assert channel.send(command).ok


def test_the_time_in_which_a_card_computes_is_not_that_of_the_operation() -> None:
    now = [0.0]
    card = ScriptedConnection({"00": ["9000"]})
    channel, transmit = ApduChannel(card, limit_s=120, clock=lambda: now[0]), card.transmit

    def slowly(apdu: bytes) -> bytes:
        now[0] += 100
        return transmit(apdu)

    card.transmit = slowly  # type: ignore[method-assign]
    for _ in range(3):
        assert channel.send(CommandApdu("GENERATE KEY PAIR", 0x00, 0x46)).ok
    channel.send(CommandApdu("X", 0x00, 0x01))
    channel.send(CommandApdu("X", 0x00, 0x01))
    with pytest.raises(CardSlowError):
        channel.send(CommandApdu("X", 0x00, 0x01))


@pytest.mark.parametrize("answer", [None, "90"])
def test_a_lost_card_stays_lost(answer: str | None) -> None:
    card = ScriptedConnection([answer, "9000"])
    channel = ApduChannel(card, reader="Bench 0")
    with pytest.raises(CardGoneError):
        channel.send(iso7816.verify(1, b"99887766"))
    with pytest.raises(CardGoneError, match="Bench 0"):
        channel.send(iso7816.verify(1, b"99887766"))
    assert len(card.sent) == 1


def test_the_bill_counts_every_exchange() -> None:
    channel = ApduChannel(ScriptedConnection(["6c02", "aabb9000"]))
    channel.send(iso7816.read_binary(0, 256))
    bill = channel.exchange
    assert (bill.apdus, bill.bytes_sent, bill.bytes_received) == (2, 10, 6)
