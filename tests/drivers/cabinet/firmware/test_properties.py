"""Whatever host, hands and noise do in whatever order: what the firmware never lets happen."""

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cabinet import messages as m
from drivers.cabinet.protocol import plain
from tests.drivers.cabinet.firmware.rig import Rig

SLOTS = 4
slots = st.integers(0, SLOTS + 1)
switch = st.sampled_from(["on", "off"])
Step = tuple[str, ...]

commands = st.one_of(
    st.tuples(st.just(m.OPEN_SLOT), st.fixed_dictionaries({"slot": slots})),
    st.tuples(st.just(m.OPEN_FLAP), st.fixed_dictionaries({"limit_s": st.integers(0, 3)})),
    st.tuples(st.sampled_from([m.LOCK, m.READ_STATE, m.SELF_TEST, m.HEARTBEAT]), st.just({})),
)
hands = st.one_of(
    st.builds("door {} {}".format, slots, st.sampled_from(["open", "closed"])),
    st.builds("jam {} {}".format, slots, switch),
    st.builds(
        "{} {}".format, st.sampled_from(["tamper", "bin_door", "full", "service", "flap", "first", "bin"]), switch
    ),
    st.builds("pulse {}".format, st.sampled_from(["flap", "first", "second", "bin"])),
    st.just("drop"),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("command"), commands),
        st.tuples(st.just("unsigned"), commands),
        st.tuples(st.just("hand"), hands),
        st.tuples(st.just("noise"), st.binary(max_size=40)),
        st.tuples(st.just("time"), st.sampled_from([1, 30, 400])),
        st.tuples(st.just("host"), st.sampled_from(["lost", "begins", "power"])),
    ),
    max_size=25,
)


class Watched(Rig):
    """Looks at each turn of the loop."""

    allowed: frozenset[int] = frozenset()

    def run(self, ms: int) -> None:
        for _ in range(ms):
            before = self.world.coil
            super().run(1)
            coil, parts = self.world.coil, self.firmware.parts
            assert coil == parts.coil.output
            if coil and coil != before:
                assert coil in self.allowed, "a coil that no signed command has asked for"
            if coil or (parts.drop is not None and parts.drop.unlocked):
                assert self.firmware.link.in_session, "open without a host"


def act(rig: Watched, kind: str, what: object) -> None:
    if kind == "command" and rig.firmware.link.in_session:
        command, values = what  # type: ignore[misc]
        rig.allowed = frozenset({values["slot"]} if command == m.OPEN_SLOT else set())
        rig.do(command, **values)
    elif kind == "unsigned":
        command, values = what  # type: ignore[misc]
        rig.send(plain(command, 0, **values))
    elif kind == "hand":
        rig.panel.put(str(what))
    elif kind == "noise":
        rig.send(bytes(what) + b"\0")  # type: ignore[call-overload]
    elif kind == "time":
        rig.run(int(what))  # type: ignore[call-overload]
    elif what == "lost":
        rig.hears = False
        rig.run(m.HEARTBEAT_LIMIT_MS + 2)
    else:
        if what == "power":
            rig.power()
        rig.hears = True
        rig.begin()


@settings(max_examples=60, deadline=None)
@given(steps)
def test_nothing_opens_unasked_no_coil_outlasts_its_limit_and_no_door_opens_beside_another(sequence) -> None:  # type: ignore[no-untyped-def]
    rig = Watched(SLOTS)
    rig.begin()
    rig.events = []
    for kind, what in sequence:
        act(rig, kind, what)
        rig.run(1)
    rig.run(600)

    assert rig.world.coil == 0
    assert rig.world.longest_us <= 400_000
    if not rig.firmware.link.in_session:
        rig.hears = True
        rig.begin()
    assert rig.code(m.HEARTBEAT) == m.OK
