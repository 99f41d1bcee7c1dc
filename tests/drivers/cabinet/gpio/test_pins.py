"""Pins as data, and the lamp's patterns: what cannot be is refused."""

import math

import pytest

from drivers.cabinet.gpio import pin_wiring as pins
from drivers.cabinet.gpio.lamp_pattern import PATTERNS, Pattern, Phase
from drivers.cabinet.gpio.pin_wiring import (
    GpioPin,
    GpioWiringError,
    header_position,
    reference_parts,
    reference_wiring,
    validate_wiring,
)


def test_the_shipped_wiring_has_every_role_once() -> None:
    assert set(reference_wiring()) == set(pins.ROLES)
    assert validate_wiring(reference_wiring()) == reference_wiring()
    assert all(part for _, part in reference_parts().values())


def test_a_cut_wire_at_the_service_door_reads_as_open() -> None:
    door = reference_wiring()["door"]
    assert (door.pull, door.active) == ("up", "high")


@pytest.mark.parametrize("bcm", [0, 1, 14, 15, 28, -1])
def test_a_pin_that_is_reserved_or_not_there_is_refused(bcm: int) -> None:
    with pytest.raises(GpioWiringError, match=f"pin {bcm}"):
        GpioPin(bcm, "in")


def test_a_driven_pin_takes_no_pull_resistor() -> None:
    with pytest.raises(GpioWiringError, match="takes no pull"):
        GpioPin(17, "out", pull="up")


def test_two_roles_on_one_pin_are_refused_by_name() -> None:
    with pytest.raises(GpioWiringError, match="door: pin 17 is the lamp's already"):
        validate_wiring({"lamp": GpioPin(17, "out"), "door": GpioPin(17, "in")})


def test_a_lamp_that_reads_is_refused() -> None:
    with pytest.raises(GpioWiringError, match="lamp: the pin goes the wrong way"):
        validate_wiring({"lamp": GpioPin(17, "in")})


def test_each_pin_has_a_place_of_its_own_that_is_neither_power_nor_ground() -> None:
    places = [header_position(bcm) for bcm in pins.PLACES]
    assert sorted({*places, *pins.GROUNDS, *pins.VOLTS_3V3, *pins.VOLTS_5V}) == list(range(1, 41))
    assert len(places) + 12 == 40


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda one: one.name)
def test_no_pattern_blinks_more_than_once_a_second(pattern: Pattern) -> None:
    assert pattern.period_s >= 1.0
    assert sum(phase.lit for phase in pattern.phases) <= 1


def test_the_patterns_can_be_told_apart() -> None:
    shares = {
        sum(p.seconds for p in one.phases if p.lit) / one.period_s for one in PATTERNS if not math.isinf(one.period_s)
    }
    assert len(shares) == 3


def test_a_pattern_that_flashes_is_refused() -> None:
    with pytest.raises(ValueError, match="strobe"):
        Pattern("strobe", (Phase(True, 0.1), Phase(False, 5)))
