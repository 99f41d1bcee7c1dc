"""What both sides of the cabinet's line rely on: framing that noise cannot pass, messages that nobody can forge or replay."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.cabinet import messages, protocol
from drivers.cabinet.framing import MAX_FRAME, MAX_PACKET, Deframer, cobs, crc16, encode, uncobs
from drivers.cabinet.protocol import NEW, OLD, REPEATED, Channel, ProtocolError, parse, plain

PAGE = (Path(__file__).parents[3] / "docs" / "cabinet-protocol.md").read_text(encoding="utf-8")
KEY = b"a made-up key of a cabinet, 32 b"


def packet_of(frame: bytes) -> bytes:
    (packet,) = Deframer().feed(frame)
    return packet


def channels() -> tuple[Channel, Channel]:
    key = protocol.session_key(KEY, b"h" * 16, b"b" * 16, b"board id")
    return Channel(key), Channel(key)


# Framing


def test_the_checksum_is_the_one_of_the_catalogue() -> None:
    assert crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize("size", [0, 1, 2, 252, 253, 254, 255, 507, 508, 509])
@pytest.mark.parametrize("byte", [b"\0", b"\1"])
def test_stuffing_at_the_edges_of_its_blocks(size: int, byte: bytes) -> None:
    for content in (byte * size, byte * size + b"\0", b"\0" + byte * size):
        assert b"\0" not in cobs(content)
        assert uncobs(cobs(content)) == content


@given(st.binary(max_size=600))
def test_what_is_stuffed_comes_back_and_holds_no_zero(content: bytes) -> None:
    assert b"\0" not in cobs(content)
    assert uncobs(cobs(content)) == content


@given(st.lists(st.binary(min_size=1, max_size=MAX_PACKET - 2), max_size=5), st.integers(1, 40), st.binary(max_size=30))
def test_frames_come_whole_in_any_cut_after_any_noise(contents: list[bytes], cut: int, noise: bytes) -> None:
    line = noise.replace(b"\0", b"\1") + b"\0" + b"".join(encode(content) for content in contents)
    deframer = Deframer()
    found = [one for start in range(0, len(line), cut) for one in deframer.feed(line[start : start + cut])]

    assert found[len(found) - len(contents) :] == contents
    assert len(found) - len(contents) + deframer.spoilt == (1 if noise else 0)


class OpenDeframer(Deframer):
    """A deframer that tells how much it keeps of a frame that has not ended."""

    @property
    def kept(self) -> bytes:
        return self._held


def test_a_line_that_never_ends_keeps_no_more_than_a_frame() -> None:
    deframer = OpenDeframer()
    for _ in range(100):
        assert deframer.feed(b"\1" * 100) == []
        assert len(deframer.kept) <= MAX_FRAME
    assert deframer.feed(b"\0" + encode(b"after")) == [b"after"]
    assert deframer.spoilt == 1


def test_the_longest_packet_passes_and_a_longer_one_does_not() -> None:
    assert Deframer().feed(encode(bytes(MAX_PACKET - 2))) == [bytes(MAX_PACKET - 2)]
    assert Deframer().feed(encode(bytes(MAX_PACKET - 1))) == []


# Messages


def fields(kind: int) -> st.SearchStrategy[dict[str, int | bytes | str]]:
    """Any values of this kind of message."""
    kinds: dict[str, st.SearchStrategy[int | bytes | str]] = {
        "B": st.integers(0, 255),
        "H": st.integers(0, 0xFFFF),
        "I": st.integers(0, 0xFFFFFFFF),
        "text": st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40),
        "*": st.binary(max_size=128),
    }
    return st.fixed_dictionaries(
        {
            name: kinds[layout] if layout in kinds else st.binary(min_size=int(layout[:-1]), max_size=int(layout[:-1]))
            for name, layout in messages.MESSAGES[kind][1]
        }
    )


@given(st.sampled_from(sorted(messages.MESSAGES)).flatmap(lambda kind: st.tuples(st.just(kind), fields(kind))))
def test_every_message_is_read_as_it_was_written(one: tuple[int, dict[str, int | bytes | str]]) -> None:
    kind, values = one
    host, board = channels()
    message = board.accept(parse(packet_of(host.frame(kind, about=7, **values))))

    assert (message.kind, message.sequence, message.about, message.values) == (kind, 1, 7, values)


@given(st.binary(max_size=MAX_PACKET - 2))
def test_any_other_bytes_are_refused_by_name(packet: bytes) -> None:
    _, board = channels()
    with pytest.raises(ProtocolError):
        board.accept(parse(packet))


def test_no_bit_of_a_message_can_be_changed() -> None:
    host, board = channels()
    packet = packet_of(host.frame(messages.OPEN_SLOT, slot=3))
    for bit in range(8 * len(packet)):
        changed = bytearray(packet)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProtocolError):
            board.accept(parse(bytes(changed)))
    assert board.accept(parse(packet)).number("slot") == 3


def test_a_message_counts_once_and_its_repetition_is_told_from_old_ones() -> None:
    host, board = channels()
    first, second = (packet_of(host.frame(messages.HEARTBEAT)) for _ in range(2))
    seen = []
    for packet in (first, first, second, first, second):
        board.accept(parse(packet))
        seen.append(board.last)

    assert seen == [NEW, REPEATED, NEW, OLD, REPEATED]


@pytest.mark.parametrize("part", range(4))
def test_a_message_of_another_session_is_not_taken(part: int) -> None:
    parts = [KEY, b"h" * 16, b"b" * 16, b"board id"]
    parts[part] = parts[part][:-1] + b"!"
    _, board = channels()
    with pytest.raises(ProtocolError) as refused:
        board.accept(parse(packet_of(Channel(protocol.session_key(*parts)).frame(messages.OPEN_SLOT, slot=1))))
    assert refused.value.code == messages.NOT_AUTHENTICATED


def test_a_message_outside_a_session_has_no_mac_and_passes_no_channel() -> None:
    _, board = channels()
    message = parse(packet_of(plain(messages.OPEN_SLOT, slot=1)))
    assert message.mac == protocol.NO_MAC
    with pytest.raises(ProtocolError):
        board.accept(message)


def test_another_version_is_named_before_anything_else_is_read() -> None:
    packet = bytearray(packet_of(plain(messages.HELLO, host_nonce=bytes(16))))
    packet[:2] = b"\x02\x7f"
    with pytest.raises(ProtocolError) as refused:
        parse(bytes(packet))
    assert (refused.value.code, refused.value.kind, refused.value.version) == (messages.WRONG_VERSION, 0x7F, 2)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (0x7F, {}),
        (messages.OPEN_SLOT, {}),
        (messages.OPEN_SLOT, {"slot": 256}),
        (messages.OPEN_SLOT, {"slot": -1}),
        (messages.OPEN_SLOT, {"slot": 1, "door": 2}),
        (messages.HELLO, {"host_nonce": bytes(15)}),
        (messages.COUNTERS, {"first_slot": 1, "bin_count": 0, "boots": 1, "openings": bytes(300)}),
        (messages.COUNTERS, {"first_slot": 1, "bin_count": 0, "boots": 1, "openings": 300}),
    ],
)
def test_what_does_not_fit_a_message_is_never_sent(kind: int, values: dict[str, int | bytes | str]) -> None:
    host, board = channels()
    with pytest.raises(ValueError):  # noqa: PT011 - the rule is the type
        host.frame(kind, 0, **values)
    assert board.accept(parse(packet_of(host.frame(messages.HEARTBEAT)))).sequence == 1


@given(st.sets(st.integers(1, 64)))
def test_slots_as_bits(slots: set[int]) -> None:
    assert protocol.slots_of(protocol.slot_bits(slots)) == sorted(slots)


# The page


def rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\| \w.*$", section, re.MULTILINE)]


def test_the_page_tells_every_message_with_its_fields() -> None:
    def spelled(layout: str) -> str:
        return {"B": "1", "H": "2", "I": "4", "text": "text", "*": "bytes"}.get(layout) or layout[:-1]

    told = {row[0]: (row[1], row[2]) for row in rows("Messages")[1:]}
    assert told == {
        f"0x{kind:02X}": (name, ", ".join(f"`{field}` {spelled(layout)}" for field, layout in layouts))
        for kind, (name, layouts) in messages.MESSAGES.items()
    }


def test_the_page_tells_every_code_and_every_event() -> None:
    assert [(int(row[0]), row[1]) for row in rows("Codes")[1:]] == list(enumerate(messages.CODES))
    assert [(int(row[0]), row[1]) for row in rows("Events")[1:]] == list(enumerate(messages.EVENTS))[1:]
    for number, name in [*enumerate(messages.CODES), *list(enumerate(messages.EVENTS))[1:]]:
        assert getattr(messages, name) == number


def test_the_page_tells_every_bit() -> None:
    section = [row for row in rows("Bits") if len(row) == 6]
    for column, prefix in ((0, "FLAG_"), (2, "HAS_"), (4, "FOUND_")):
        said = {int(row[column]) for row in section if row[column].isdigit()}
        assert said == {value for name, value in vars(messages).items() if name.startswith(prefix)}
