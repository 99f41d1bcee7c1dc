"""Noise on the line, byte by byte and frame by frame: it opens nothing, tells nothing, and the session goes on."""

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cabinet import protocol as wire
from drivers.cabinet.connection_events import CommandAnswer, SessionLost
from tests.fakes.cabinet.board_talk import Talk


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.tuples(st.integers(0, 3), st.integers(0, 200), st.integers(1, 255)),
            st.integers(0, 3),
        ),
        max_size=12,
    )
)
def test_noise_and_mutated_frames_open_nothing_and_break_nothing(
    line: list[bytes | tuple[int, int, int] | int],
) -> None:
    """Raw bytes, frames with one byte changed, and whole frames of an earlier session, in any order."""
    talk = Talk().joined()
    talk.peer.restart()
    earlier = Talk(talk.peer).joined()
    frames = [earlier.peer.tell(wire.JAM, 1), earlier.peer.alive(), *_answers(earlier)]
    talk.peer.restart()
    now = Talk(talk.peer).joined()
    for one in line:
        match one:
            case bytes():
                noise = one
            case (which, place, change):
                noise = bytearray(frames[which])
                noise[place % len(noise)] ^= change
            case which:
                noise = frames[which]
        assert not [told for told in now.session.receive(bytes(noise), now.now) if not isinstance(told, SessionLost)]
    now.hears(b"\0")

    assert now.peer.took == []
    number = now.session.command(wire.LOCK, now.now)
    assert CommandAnswer(number, wire.OK) in now.pass_time(2)


def _answers(talk: Talk) -> list[bytes]:
    """Two whole answers of that session's board."""
    talk.session.command(wire.LOCK, talk.now)
    first = talk.peer.take(talk.session.take_outgoing())
    talk.session.receive(first, talk.now)
    talk.peer.took.clear()
    talk.session.read_state(talk.now)
    return [first, talk.peer.take(talk.session.take_outgoing())]
