"""The fleet's settings on disk: below station.toml, durable, taken back where the program does not start with them."""

from pathlib import Path

import pytest

from fleet.messages.settings import StationSettings
from kiosk.config import ConfigError
from kiosk.fleet_settings import (
    FILES,
    MAX_STARTS,
    RECORD,
    SettingsRecord,
    count_start,
    load_station,
    own_keys,
    read_settings_record,
    write_settings_record,
)
from tests.fakes.fleet.given_settings import given

LOUD, QUIET = given({"speech": {"volume": 5}}), given({"speech": {"volume": 1}})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    path = tmp_path / "station.toml"
    path.write_text('[station]\ntitle = "Entrén"\n[speech]\nrate = 2\n')
    return path


def keep(file: Path, record: SettingsRecord) -> None:
    write_settings_record(file.parent / "data", record)


def test_the_fleets_settings_lie_below_the_files_own(file: Path) -> None:
    keep(file, SettingsRecord(given({"speech": {"rate": 5, "volume": 4}, "printer": {"width_mm": 58}})))
    config, own = load_station(file)
    assert (config.speech.rate, config.speech.volume, config.printer.width_mm) == (2, 4, 58)
    assert own_keys(own) == ("speech.rate", "station.title")


def test_a_named_file_is_read_from_the_stations_disk(file: Path) -> None:
    settings = given({"trust": {"anchors": "fleet:roots.pem"}}, {"roots.pem": "made up"})
    keep(file, SettingsRecord(settings))
    config, _ = load_station(file)
    assert Path(config.trust.anchors).read_text() == "made up"
    keep(file, SettingsRecord(given({"speech": {"volume": 4}})))
    assert not Path(config.trust.anchors).exists()


def test_files_of_the_settings_before_stay_while_new_ones_are_tried(file: Path) -> None:
    old = given({"trust": {"anchors": "fleet:roots.pem"}}, {"roots.pem": "old"})
    new = given({"trust": {"anchors": "fleet:roots.pem"}}, {"roots.pem": "new"})
    keep(file, SettingsRecord(old))
    keep(file, SettingsRecord(new, step="testing", before=SettingsRecord(old)))
    folder = file.parent / "data" / FILES
    assert {path.name for path in folder.iterdir()} == {old.version, new.version}


def test_a_program_that_does_not_start_goes_back_by_itself(file: Path) -> None:
    keep(file, SettingsRecord(LOUD, step="testing", before=SettingsRecord(QUIET)))
    volumes = [load_station(file, starts=True)[0].speech.volume for _ in range(MAX_STARTS + 1)]
    assert volumes == [5, 5, 5, 1]
    record = read_settings_record(file.parent / "data")
    assert (record.version, record.refused, record.reason, record.is_told) == (
        QUIET.version, LOUD.version, "start", False,
    )  # fmt: skip


def test_a_look_at_the_settings_counts_no_start(file: Path) -> None:
    keep(file, SettingsRecord(LOUD, step="testing"))
    for _ in range(MAX_STARTS + 2):
        assert load_station(file)[0].speech.volume == 5


def test_settings_that_no_longer_fit_the_program_are_taken_back(file: Path) -> None:
    unfit = given({"speech": {"pitch": 3}})
    keep(file, SettingsRecord(unfit))
    config, _ = load_station(file, starts=True)
    assert config.speech.volume == 3
    record = read_settings_record(file.parent / "data")
    assert record.refused == unfit.version
    assert "speech.pitch" in record.reason


def test_a_fault_of_the_file_itself_is_said(file: Path) -> None:
    keep(file, SettingsRecord(LOUD))
    file.write_text("[speech]\nvolume = 9\n")
    with pytest.raises(ConfigError, match=r"speech\.volume"):
        load_station(file)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"step": "sideways"}'])
def test_a_record_that_cannot_be_read_is_an_empty_one(file: Path, content: bytes) -> None:
    (file.parent / "data" / RECORD).write_bytes(content)
    assert read_settings_record(file.parent / "data") == SettingsRecord()
    assert load_station(file, starts=True)[0].speech.volume == 3


def test_a_station_starts_although_its_disk_takes_no_writes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(file, SettingsRecord(LOUD, step="testing"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provisioning.files.write_file", full)
    assert load_station(file, starts=True)[0].speech.volume == 5


def test_the_count_of_starts_is_of_settings_that_are_tried(file: Path) -> None:
    keep(file, SettingsRecord(LOUD))
    for _ in range(MAX_STARTS + 2):
        assert count_start(file.parent / "data").version == LOUD.version


def test_a_file_outside_the_folder_is_not_written(file: Path) -> None:
    settings = StationSettings("entre-a", "0" * 16, {}, {}, {"../../station.toml": "evil"})
    keep(file, SettingsRecord(settings))
    assert "Entrén" in file.read_text()
