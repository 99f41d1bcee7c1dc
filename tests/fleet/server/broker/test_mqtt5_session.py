"""What is owed to the broker: sent again after a reconnection, at most so many at once, never two with one identifier."""

from fleet.mqtt5.packets import Packets, Publish
from fleet.server.broker.mqtt5_session import MAX_ID, Mqtt5Session


def sent(written: list[bytes]) -> list[tuple[str, int]]:
    """(topic, identifier) of what was written."""
    found = Packets(4096).feed(b"".join(written))
    return [(one.topic, one.packet_id) for one in found if isinstance(one, Publish)]


def test_nothing_goes_out_without_a_connection_and_all_of_it_with_one() -> None:
    session = Mqtt5Session(most=10)
    session.lost()
    assert session.publish("a", b"") == []
    assert session.publish("b", b"") == []
    assert sent(session.connected(10, present=False)) == [("a", 1), ("b", 2)]


def test_the_broker_takes_so_many_and_no_more() -> None:
    session = Mqtt5Session(most=10)
    session.connected(2, present=False)
    written = [session.publish(name, b"") for name in "abc"]
    assert [len(one) for one in written] == [1, 1, 0]
    assert sent(session.acknowledged(1)) == [("c", 3)]


def test_what_was_not_acknowledged_is_sent_again_with_its_identifier() -> None:
    session = Mqtt5Session(most=10)
    session.connected(10, present=False)
    session.publish("a", b"")
    session.publish("b", b"")
    session.acknowledged(1)
    session.lost()
    again = session.connected(10, present=True)
    assert sent(again) == [("b", 2)]
    assert again[0][0] & 0x08, "it says that it was sent before"


def test_a_broker_that_has_forgotten_gets_all_of_it_anew() -> None:
    session = Mqtt5Session(most=10)
    session.connected(10, present=False)
    session.publish("a", b"")
    session.lost()
    session.publish("b", b"")
    again = session.connected(10, present=False)
    assert [topic for topic, _ in sent(again)] == ["a", "b"]
    assert not again[0][0] & 0x08


def test_what_waits_too_long_gives_way_to_what_is_newer() -> None:
    session = Mqtt5Session(most=2)
    session.lost()
    for name in "abc":
        session.publish(name, b"")
    assert [topic for topic, _ in sent(session.connected(10, present=False))] == ["b", "c"]
    assert session.dropped == 1


def test_identifiers_come_round_and_spare_those_in_use() -> None:
    session = Mqtt5Session(most=10)
    session.connected(10, present=False)
    session.publish("stays", b"")
    for _ in range(MAX_ID - 1):
        ((_, number),) = sent(session.publish("goes", b""))
        session.acknowledged(number)
    assert sent(session.publish("round", b"")) == [("round", 2)]
