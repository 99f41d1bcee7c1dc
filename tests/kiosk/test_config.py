"""`station.toml`: what is wrong is named by file, key and reason, all of it at once."""

import ast
from dataclasses import asdict
from pathlib import Path

import pytest

from drivers.cabinet.gpio.pin_wiring import ROLES
from kiosk.config import Config, ConfigError, load
from kiosk.station.supervisor import Limits

KIOSK = Path(__file__).parents[2] / "kiosk"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "station.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


FAULTS = [
    ('[station]\nlanguage = "fi"', "station.language", "'sv' or 'en'"),
    ('[station]\ntitle = ""', "station.title", "at least 1 character"),
    ("[reader]\nholder = 'x'", "reader", ""),
    ("[readers]\nholder = 3", "readers.holder", "string"),
    ('[readers]\nsecond = "x"', "readers.second", ""),
    ('[printer]\nkind = "laser"', "printer.kind", "'network'"),
    ('[printer]\nkind = "network"', "printer", "needs host"),
    ('[printer]\nkind = "serial"', "printer", "needs device"),
    ('[printer]\nkind = "usb"', "printer", "needs vendor and product"),
    ("[printer]\nbaud = 1200", "printer.baud", "9600, 19200, 38400"),
    ('[printer]\nprofile = "laser"', "printer", "there are pos-5890, raster-58"),
    ('[printer]\nprofile = "pos-5890"', "printer", "is for paper of 58 mm"),
    ("[printer]\nwidth_mm = 70", "printer.width_mm", "58 or 80"),
    ("[printer]\nport = 0", "printer.port", "greater than or equal to 1"),
    ("[cabinet]\nslots = 0", "cabinet.slots", "greater than or equal to 1"),
    ('[cabinet]\nkind = "serial"\nport = "/dev/ttyACM0"', "cabinet", "kind 'serial' needs key"),
    ('[cabinet]\nkind = "virtual"\nport = "/dev/ttyACM0"', "cabinet", "belong to kind 'serial', not 'virtual'"),
    ('[cabinet]\nkey = "cabinet.json"', "cabinet", "belong to kind 'serial', not 'none'"),
    ('[cabinet]\nusb = ["ttyACM0"]', "cabinet.usb", "write vvvv:pppp or vvvv:pppp:SERIAL"),
    ("[cabinet]\nusb = []", "cabinet.usb", "at least 1 item"),
    ('[envelope]\nverify = "trust"', "envelope.verify", "'server' or 'card'"),
    ('[receipts]\npublic_url = "http://fleet.example/r/"', "receipts.public_url", "pattern"),
    ('[receipts]\npublic_url = "https://fleet.example/r/#"', "receipts.public_url", "pattern"),
    ("[timeouts]\nwarning_s = 5", "timeouts.warning_s", "greater than or equal to 20"),
    ("[display]\nwidth = 100", "display.width", "greater than or equal to 480"),
    ("[display]\nrotation = 45", "display.rotation", "0, 90, 180 or 270"),
    ("[touch]\nrotation = -90", "touch.rotation", "0, 90, 180 or 270"),
    ("[touch]\nrange_x = [4095, 0]", "touch.range_x", "the first of the two is the lower"),
    ("[touch]\nrange_y = [0]", "touch.range_y.1", "Field required"),
    ('[touch]\ndevice = "ilitek"', "touch.device", "write vvvv:pppp, as lsusb prints it, or a path below /dev"),
    ("[touch]\ninvert_x = 1", "touch.invert_x", "valid boolean"),
]


@pytest.mark.parametrize(("text", "key", "reason"), FAULTS, ids=[key for _, key, _ in FAULTS])
def test_a_fault_names_file_key_and_reason(text: str, key: str, reason: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert f"{path}: {key}: " in str(caught.value)
    assert reason in str(caught.value)


def test_all_faults_are_named_not_only_the_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, '[station]\nlanguage = "fi"\n[cabinet]\nslots = 99\n'))
    assert len(caught.value.faults) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[station", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8: byte 0"),
        ("a = " + "[" * 5_000, "is not TOML: nested too deep"),
        ("a = " + "9" * 5_000, "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_read(content: str | bytes, reason: str, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ConfigError, match=reason) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_no_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path)


def test_an_empty_file_is_a_station_without_devices(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == Config()
    assert Config().readers.holder == "", "a station trusts the bench only where its file says so"


def test_each_setting_is_read_by_the_station() -> None:
    nodes = (node for file in KIOSK.rglob("*.py") for node in ast.walk(ast.parse(file.read_bytes())))
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute)} | set(ROLES)
    settings = {(name, key) for name, section in Config() for key in type(section).model_fields}
    assert {(name, key) for name, key in settings if key not in read} == set()


def test_the_timeouts_are_the_limits_of_the_supervisor() -> None:
    assert Config().timeouts.model_dump() == asdict(Limits())


def test_what_is_written_is_taken(tmp_path: Path) -> None:
    config = load(
        written(tmp_path, '[readers]\nadministrator = "ACS 01"\n[printer]\nkind = "usb"\nvendor = 1208\nproduct = 514')
    )
    assert config.readers.administrator == "ACS 01"
    assert (config.printer.kind, config.printer.vendor, config.printer.product) == ("usb", 1208, 514)


@pytest.mark.parametrize(
    ("readers", "bench"),
    [
        ('holder = "virtual"\n', True),
        ('holder = "virtual"\nadministrator = "virtual"\n', True),
        ('holder = "virtual"\nadministrator = "Reader 01 00"\n', False),
        ('holder = "Reader 00 00"\n', False),
        ("", False),
    ],
)
def test_a_bench_has_no_reader_but_virtual_ones(readers: str, bench: bool, tmp_path: Path) -> None:
    """Anywhere else the keys of the window type nothing, so a scanner that types them is refused."""
    path = tmp_path / "station.toml"
    path.write_text(f'[readers]\n{readers}[printer]\nkind = "virtual"\n')
    assert load(path).is_bench is bench
    path.write_text(f'[readers]\n{readers}[scanner]\nkind = "window"\n')
    if bench:
        assert load(path).scanner.kind == "window"
    else:
        with pytest.raises(ConfigError, match=r"scanner\.kind: 'window' would take codes from any keyboard"):
            load(path)


def test_keypads_are_listed_by_vendor_and_product(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text('[keypad]\nallowed = ["04d9:a088", "1a2c:0e24"]\n')
    assert [str(one) for one in load(path).keypad.ids] == ["04d9:a088", "1a2c:0e24"]
    for allowed, reason in (
        ('["04d9"]', "is no vendor and product: write vvvv:pppp"),
        ('["04d9:a088", "04D9:A088"]', "keypad: a keypad is listed twice"),
        ('["a:b", "c:d", "e:f", "0:1", "2:3"]', "at most 4 items"),
    ):
        path.write_text(f"[keypad]\nallowed = {allowed}\n")
        with pytest.raises(ConfigError, match=reason):
            load(path)


def test_keys_of_a_keypad_are_mapped_by_their_codes(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text('[keypad.keys]\n193 = "up"\n1 = "back"\n')
    keys = load(path).keypad.key_map
    assert (keys[193], keys[1], keys[2]) == ("up", "back", "1")
    for line, reason in (('193 = "jump"', r"keypad\.keys\.193: .*'up'"), ('F23 = "up"', r"keypad\.keys\.F23")):
        path.write_text(f"[keypad.keys]\n{line}\n")
        with pytest.raises(ConfigError, match=reason):
            load(path)


def test_speech_is_named_with_its_device_and_steps(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text('[speech]\nkind = "espeak-ng"\ndevice = "plughw:1"\nrate = 5\n')
    speech = load(path).speech
    assert (speech.kind, speech.device, speech.rate, speech.volume) == ("espeak-ng", "plughw:1", 5, 3)
    for line, reason in (
        ("rate = 6", "less than or equal to 5"),
        ('device = "a b"', "device"),
        ('kind = "mbrola"', "espeak-ng"),
    ):
        path.write_text(f"[speech]\n{line}\n")
        with pytest.raises(ConfigError, match=reason):
            load(path)
