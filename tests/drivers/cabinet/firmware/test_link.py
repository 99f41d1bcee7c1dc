"""The line: nothing without a session, nothing twice, nothing replayed; events until taken; locked when the host is lost."""

from drivers.cabinet import framing, protocol
from drivers.cabinet import messages as m
from drivers.cabinet.protocol import Channel, Message, plain
from tests.drivers.cabinet.firmware.rig import BOARD_ID, KEY, Rig

COMMANDS: "list[tuple[int, dict[str, int | bytes | str]]]" = [
    (m.BEGIN, {}), (m.HEARTBEAT, {}), (m.READ_STATE, {}), (m.OPEN_SLOT, {"slot": 1}), (m.OPEN_FLAP, {"limit_s": 9}),
    (m.LOCK, {}), (m.LAMP, {"lamp": 1, "pattern": 1}), (m.BUZZER, {"pattern": 1}), (m.SELF_TEST, {}), (m.BOOTLOADER, {}),
    (m.CLEAR_COUNTERS, {"which": 1}), (m.READ_COUNTERS, {"first_slot": 1}), (m.PAIR, {"key": b"k" * 32}),
]  # fmt: skip


def test_who_the_board_is_and_what_it_has() -> None:
    welcome = Rig().hello()
    said = welcome.values
    assert (said["board_id"], said["reset_cause"], said["paired"], said["slots"]) == (BOARD_ID, 1, 1, 4)
    assert (said["coil_limit_ms"], said["wiring"], said["lamps"], said["bin_holds"]) == (400, "standard 4", 4, 50)
    assert said["features"] == 63
    assert said["firmware"] == bytes(m.FIRMWARE)


def test_without_a_session_every_command_is_refused_and_nothing_moves() -> None:
    for key, code in ((KEY, m.NOT_AUTHENTICATED), (None, m.NOT_PAIRED)):
        for kind, values in COMMANDS:
            if kind == m.PAIR:
                continue
            rig = Rig(key=key)
            rig.hello()
            rig.send(plain(kind, 0, **values))
            rig.run(50)
            refused = rig.last(m.REFUSED)
            assert (refused.number("command"), refused.number("code")) == (kind, code)
            assert rig.world.said == []


def test_within_a_session_an_unsigned_or_wrongly_signed_command_is_refused() -> None:
    for kind, values in COMMANDS:
        rig = Rig().begin()
        for frame in (plain(kind, 0, **values), Channel(b"another key").frame(kind, 0, **values)):
            rig.messages = []
            rig.send(frame)
            rig.run(50)
            code = m.PAIRING_CLOSED if kind == m.PAIR and frame == plain(kind, 0, **values) else m.NOT_AUTHENTICATED
            assert rig.last(m.REFUSED).number("code") == code, kind
        assert rig.world.said == []
        assert rig.code(m.HEARTBEAT) == m.OK


def test_a_command_sent_twice_is_done_once_and_answered_twice() -> None:
    rig = Rig().begin()
    assert rig.channel is not None
    rig.hears = False
    frame = rig.channel.frame(m.OPEN_SLOT, slot=3)
    rig.messages = []
    rig.send(frame)
    rig.run(300)
    rig.hand("door 3 closed")
    rig.run(300)
    rig.send(frame)
    rig.run(300)

    answers = [one for one in rig.messages if one.kind == m.RESULT]
    assert [(one.number("code"), one.about) for one in answers] == [(m.OK, 2), (m.OK, 2)]
    assert rig.driven() == ["3"]


def test_what_was_recorded_opens_nothing_later_in_this_session_or_another() -> None:
    rig = Rig().begin()
    assert rig.channel is not None
    recorded = rig.channel.frame(m.OPEN_SLOT, slot=2)
    rig.send(recorded)
    rig.run(200)
    rig.hand("door 2 closed")
    assert rig.driven() == ["2"]
    rig.do(m.HEARTBEAT)
    for _ in range(3):
        rig.send(recorded)
        rig.run(600)
        assert rig.driven() == []
        rig.begin()
    rig.power()
    for _ in range(2):
        rig.send(recorded)
        rig.run(600)
        assert rig.driven() == []
        rig.begin()


def test_a_recorded_session_cannot_be_played_again_even_with_a_poor_random_source() -> None:
    """The chip of the rig gives zeros for random bytes, and the host always the same nonce."""
    rig = Rig()
    nonces = set()
    for start in range(6):
        for _ in range(3):
            nonces.add(rig.hello().octets("board_nonce"))
        assert len(nonces) == 3 * (start + 1)
        rig.power()


def test_a_hello_alone_does_not_end_the_session_that_runs() -> None:
    rig = Rig().begin()
    rig.do(m.OPEN_FLAP, limit_s=10)
    for _ in range(5):
        rig.hello()
    rig.send(Channel(b"another key").frame(m.BEGIN))
    rig.run(5)
    assert rig.code(m.HEARTBEAT) == m.OK
    assert "flap locked" not in rig.world.said[-1:]


def test_a_new_session_locks_what_the_last_one_opened() -> None:
    rig = Rig().begin()
    rig.do(m.OPEN_FLAP, limit_s=10)
    rig.begin()
    assert rig.world.said[-1] == "flap locked"


def test_a_lost_host_locks_coil_flap_lamps_and_the_session_is_over() -> None:
    rig = Rig().begin()
    rig.do(m.LAMP, lamp=1, pattern=m.LAMP_ON)
    rig.do(m.OPEN_FLAP, limit_s=100)
    rig.hears = False
    rig.run(m.HEARTBEAT_LIMIT_MS - 5)
    assert rig.firmware.link.in_session
    rig.run(10)

    assert not rig.firmware.link.in_session
    assert "flap locked" in rig.world.said
    assert "lamp 1 off" in rig.world.said
    assert rig.channel is not None
    rig.send(rig.channel.frame(m.OPEN_SLOT, slot=1))
    rig.run(5)
    assert rig.last(m.REFUSED).number("code") == m.NOT_AUTHENTICATED
    assert rig.driven() == []


def test_the_board_says_every_second_that_it_lives() -> None:
    rig = Rig().begin()
    rig.run(5050)
    assert len([one for one in rig.messages if one.kind == m.ALIVE]) == 5


def test_an_event_is_told_until_the_host_has_taken_it() -> None:
    rig = Rig().begin()
    rig.hears = False
    rig.hand("card 1 present")
    rig.run(1000)
    told = [one.about for one in rig.messages if one.kind == m.EVENT]
    assert len(told) > 2
    assert set(told) == {1}
    rig.taken = 1
    rig.do(m.HEARTBEAT)
    rig.messages = []
    rig.run(1000)
    assert [one for one in rig.messages if one.kind == m.EVENT] == []


def test_a_new_session_tells_what_the_last_one_has_not_taken() -> None:
    rig = Rig().begin()
    rig.hears = False
    rig.hand("card 1 present")
    rig.run(m.HEARTBEAT_LIMIT_MS + 10)
    rig.hand("card 2 present")
    rig.events = []
    rig.hears = True
    rig.begin()
    rig.run(10)
    assert rig.events == [(m.CARD, 1, 1), (m.CARD, 2, 1)]


def test_pairing_takes_a_key_once_and_again_only_with_the_service_button() -> None:
    rig = Rig(key=None)
    assert rig.hello().number("paired") == 0
    rig.send(plain(m.PAIR, key=KEY))
    rig.run(2)
    assert rig.last(m.RESULT).number("code") == m.OK
    rig.begin()

    other = b"another made-up key of a cabinet"
    rig.send(plain(m.PAIR, key=other))
    rig.run(2)
    assert rig.last(m.REFUSED).number("code") == m.PAIRING_CLOSED
    assert rig.code(m.HEARTBEAT) == m.OK
    rig.hand("service on")
    rig.send(plain(m.PAIR, key=other))
    rig.run(2)
    assert rig.last(m.RESULT).number("code") == m.OK
    assert not rig.firmware.link.in_session
    rig.channel, rig.key = None, other
    rig.power()
    rig.begin()


def test_a_session_may_change_the_key_and_ends_with_it() -> None:
    rig = Rig().begin()
    other = b"another made-up key of a cabinet"
    assert rig.code(m.PAIR, key=other) == m.OK
    assert not rig.firmware.link.in_session
    rig.channel, rig.key = None, other
    rig.begin()


def test_a_key_that_cannot_be_kept_is_not_taken() -> None:
    rig = Rig(key=None)
    rig.flash.broken = True
    rig.send(plain(m.PAIR, key=KEY))
    rig.run(2)
    assert rig.last(m.RESULT).number("code") == m.FLASH_FAILED
    assert rig.hello().number("paired") == 0


def test_another_version_is_refused_by_name_even_before_a_session() -> None:
    rig = Rig()
    packet = bytearray(framing.decode(plain(m.HELLO, host_nonce=bytes(16))[:-1]) or b"")
    packet[0] = m.VERSION + 1
    rig.send(framing.encode(bytes(packet)))
    rig.run(1)
    refused = rig.last(m.REFUSED)
    assert (refused.number("code"), refused.number("version")) == (m.WRONG_VERSION, m.VERSION)


def test_the_board_s_own_words_that_come_back_are_dropped_without_a_word() -> None:
    rig = Rig().begin()
    rig.hand("card 1 present")
    assert rig.received is not None
    count = len(rig.messages)
    for message in list(rig.messages):
        rig.send(framing.encode(message.signed + message.mac))
    rig.run(5)
    assert [one for one in rig.messages[count:] if one.kind != m.ALIVE] == []
    assert rig.code(m.HEARTBEAT) == m.OK


def test_a_host_that_reads_nothing_fills_no_memory() -> None:
    rig = Rig()
    for _ in range(200):
        rig.firmware.link.feed(plain(m.HELLO, host_nonce=bytes(16)), 1)
    assert len(rig.firmware.link.take()) <= 2048


def test_frames_that_are_spoilt_are_counted() -> None:
    rig = Rig().begin()
    rig.send(b"noise\0more noise\0" + bytes(20))
    assert rig.do(m.READ_STATE).number("spoilt") == 2


def test_the_bootloader_is_entered_only_by_a_signed_command_and_locked() -> None:
    rig = Rig().begin()
    rig.do(m.OPEN_FLAP, limit_s=10)
    assert not rig.firmware.leave()
    assert rig.code(m.BOOTLOADER) == m.OK
    assert rig.firmware.leave()
    assert rig.world.said[-1] == "flap locked"


def test_every_answer_names_its_command() -> None:
    for kind, values in COMMANDS:
        rig = Rig().begin()
        answer: Message = rig.do(kind, **values)
        assert rig.channel is not None
        assert answer.about == 2, kind
        assert answer.kind in (m.RESULT, m.STATE, m.COUNTERS, m.TESTED)
        assert answer.mac != protocol.NO_MAC


def test_a_start_gives_another_boot_id_and_its_cause() -> None:
    rig = Rig()
    first = rig.hello()
    rig.power(2)
    second = rig.hello()
    assert first.octets("boot_id") != second.octets("boot_id")
    assert second.number("reset_cause") == 2
