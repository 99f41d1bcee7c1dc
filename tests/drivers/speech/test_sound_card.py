"""The sound card is chosen by its role, in sysfs as Linux writes it; what it then plays is `test_alsa_sound.py`'s."""

from pathlib import Path

import pytest

from drivers.speech.alsa_sound import set_level
from drivers.speech.sound_card import MISSING, SoundCard
from drivers.speech.tones import ToneError

HDMI = "platform/soc/fef00700.hdmi"
JACK = "platform/soc/fe00b840.mailbox/bcm2835-audio"
USB = "platform/scb/fd500000.pcie/pci0000:00/0000:01:00.0/usb1/1-1/1-1.{}/1-1.{}:1.0"


class Machine:
    """The sound cards of a machine, in the order in which they registered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[str] = []
        self.levels: list[str] = []

    def plug(self, number: int, name: str, port: str, pcm: str = "p") -> None:
        (self.folder / "devices" / port).mkdir(parents=True)
        card = self.folder / f"class/card{number}"
        (card / f"pcmC{number}D0{pcm}").mkdir(parents=True)
        (card / "id").write_text(f"{name}\n")
        (card / "device").symlink_to(self.folder / "devices" / port)

    def unplug(self, number: int) -> None:
        (self.folder / f"class/card{number}").rename(self.folder / f"gone{number}")

    def card(self, named: str = "") -> SoundCard:
        return SoundCard(named, self.faults.append, folder=self.folder / "class", set_level=self.levels.append)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_pi_4_speaks_by_its_jack_though_hdmi_registered_first(machine: Machine) -> None:
    machine.plug(0, "vc4hdmi0", HDMI)
    machine.plug(1, "vc4hdmi1", HDMI.replace("700", "5700"))
    machine.plug(2, "Headphones", JACK)
    card = machine.card()
    assert card.device() == "default:CARD=Headphones"
    assert card.device() == "default:CARD=Headphones"
    assert machine.levels == ["hw:Headphones"], "its level is set once"


def test_a_card_on_usb_goes_before_all_when_it_comes_and_is_left_when_it_goes(machine: Machine) -> None:
    machine.plug(0, "vc4hdmi0", HDMI)
    card = machine.card()
    assert card.device() == "default:CARD=vc4hdmi0"
    machine.plug(1, "Device", USB.format(2, 2))
    assert card.device() == "default:CARD=Device"
    machine.unplug(1)
    assert card.device() == "default:CARD=vc4hdmi0"
    assert machine.levels == ["hw:vc4hdmi0", "hw:Device", "hw:vc4hdmi0"]
    assert machine.faults == []


def test_of_two_on_usb_the_port_decides(machine: Machine) -> None:
    machine.plug(0, "Device", USB.format(4, 4))
    machine.plug(1, "Device_1", USB.format(2, 2))
    assert machine.card().device() == "default:CARD=Device_1"


def test_a_microphone_is_no_sound_card(machine: Machine) -> None:
    machine.plug(0, "Webcam", USB.format(2, 2), pcm="c")
    assert machine.card().device() == ""


def test_a_station_without_a_sound_card_says_so_once_and_again_when_it_goes(machine: Machine) -> None:
    card = machine.card()
    assert (card.device(), card.device()) == ("", "")
    assert machine.faults == [MISSING]
    machine.plug(0, "Device", USB.format(2, 2))
    assert card.device()
    machine.unplug(0)
    assert card.device() == ""
    assert machine.faults == [MISSING, MISSING]


@pytest.mark.parametrize("named", ["plughw:CARD=Device", "plughw:1", "plughw:CARD=Device,DEV=0"])
def test_a_card_that_is_named_is_used_or_missed_and_no_other_stands_in(machine: Machine, named: str) -> None:
    machine.plug(0, "Headphones", JACK)
    card = machine.card(named)
    assert card.device() == ""
    machine.plug(1, "Device", USB.format(2, 2))
    assert card.device() == named
    assert machine.levels == ["hw:Device"]


def test_a_device_that_is_no_card_is_taken_as_it_is_named(machine: Machine) -> None:
    assert machine.card("null").device() == "null"


def test_a_level_that_cannot_be_set_is_told_and_the_card_is_used(machine: Machine) -> None:
    machine.plug(0, "Nowhere", JACK)
    card = SoundCard("", machine.faults.append, folder=machine.folder / "class")
    assert card.device() == "default:CARD=Nowhere"
    assert machine.faults == ["the level of the sound card Nowhere is as it was: no sound device: No such device"]


def test_the_mixer_of_a_card_that_is_not_there_is_told() -> None:
    with pytest.raises(ToneError, match="no sound device"):
        set_level("hw:31")
