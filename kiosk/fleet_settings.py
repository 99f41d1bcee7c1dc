"""The fleet's settings on the station's disk: those that count, those before, and which are laid below `station.toml`.

Rules: a key of `station.toml` counts before all that the fleet gives. New settings are durable before the program starts with
them, and those of before are kept until the new ones are known to work; a program that starts three times with new settings and
comes no further goes back by itself.

>>> lay_below({"speech": {"rate": 2}}, {"speech": {"rate": 5, "volume": 4}}, Path("/data/fleet-files"))
{'speech': {'rate': 2, 'volume': 4}}
"""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from fleet.messages.settings import FILE_PREFIX, StationSettings
from kiosk.config import Config, ConfigError, read_document, validated
from provisioning import files

RECORD, FILES = "fleet-settings.json", "fleet-files"
MAX_STARTS = 3
"""So often the program may start with new settings before it has found them good."""
MAX_REASON = 500
LOCAL = frozenset(
    {
        "station.identity", "station.data", "station.assistant", "commands.allowed", "cabinet.key", "display.position",
        "trust.revocation",
    }
)  # fmt: skip
"""Keys that only `station.toml` may say: where things lie on this machine, and what a fleet may never allow itself."""

logger = logging.getLogger(__name__)


class SettingsRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """Record of the fleet's settings that outlasts a restart.

    `settings`: those that count, `signed` by the server. `before`: the record to go back to, while these are tried (`testing`).
    `working` and `problems`: the kinds of devices that worked, and the codes of problems, before the restart. `starts`: of the
    program since. `refused`, `reason`, `is_told`: the version that was not taken, why, and whether the fleet has an event of it.
    """

    settings: StationSettings | None = None
    signed: str = ""
    step: Literal["applied", "testing"] = "applied"
    before: "SettingsRecord | None" = None
    working: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    starts: int = 0
    refused: str = ""
    reason: str = ""
    is_told: bool = True

    @property
    def version(self) -> str:
        """Version of the settings that count; empty where there are none."""
        return self.settings.version if self.settings is not None else ""

    @property
    def proven(self) -> "SettingsRecord":
        """The record of the settings that are known to work: this one, or that before it while these are tried."""
        return (self.before or SettingsRecord()) if self.step == "testing" else self

    def taken_back(self, reason: str) -> "SettingsRecord":
        """Return the record of before, which remembers that these were refused."""
        before = self.before or SettingsRecord()
        return msgspec.structs.replace(before, refused=self.version, reason=reason[:MAX_REASON], is_told=False)


def read_settings_record(data: Path) -> SettingsRecord:
    """Read the record in the station's data folder; an empty one where there is none, or it cannot be read."""
    try:
        return msgspec.json.decode((data / RECORD).read_bytes(), type=SettingsRecord)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return SettingsRecord()


def write_settings_record(data: Path, record: SettingsRecord) -> None:
    """Write it, durable when this returns; files of versions that nothing may go back to are deleted. Raises OSError."""
    records = (record, record.before)
    kept = {each.version for each in records if each is not None and each.settings is not None}
    if record.settings is not None:
        _write_files(data, record.settings)
    files.write_file(data / RECORD, msgspec.json.encode(record))
    for folder in (data / FILES).glob("*"):
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def count_start(data: Path) -> SettingsRecord:
    """Return the record that a start of the program is made with: the one before, where new settings never came up."""
    record = read_settings_record(data)
    if record.step != "testing":
        return record
    if record.starts >= MAX_STARTS:
        record = record.taken_back("start")
    else:
        record = msgspec.structs.replace(record, starts=record.starts + 1)
    write_settings_record(data, record)
    return record


def load_station(path: Path, *, starts: bool = False) -> tuple[Config, dict[str, Any]]:
    """Return the configuration of `station.toml` with the fleet's settings below it, and what the file itself says.

    Settings that do not fit any more, as after an update of the program, are taken back. `starts`: the program starts with it.

    Raises ConfigError for what the file says.
    """
    own = read_document(path)
    station = own.get("station", {})
    data = path.resolve().parent / str(station.get("data", "data") if isinstance(station, dict) else "data")
    record = read_settings_record(data)
    try:
        record = count_start(data) if starts else record
        while record.settings is not None:
            try:
                return validated(path, laid_below(own, data, record.settings)), own
            except ConfigError as error:
                record = record.taken_back(f"config: {'; '.join(error.faults)}")
                if starts:
                    write_settings_record(data, record)
    except OSError as error:
        logger.error("the record of the fleet's settings cannot be written: %s", error.strerror)
    return validated(path, laid_below(own, data, record.settings)), own


def lay_below(own: Mapping[str, Any], values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the document of both, key by key; what names one of the fleet's files is its path below `folder`."""
    merged = {name: dict(section) if isinstance(section, Mapping) else section for name, section in own.items()}
    for name, section in values.items():
        into = merged.setdefault(name, {})
        if isinstance(into, dict):
            for key, value in section.items():
                into.setdefault(key, _path_of(value, folder))
    return merged


def laid_below(own: Mapping[str, Any], data: Path, settings: StationSettings | None) -> dict[str, Any]:
    """Return a station's own document with the settings below it, whose files are in the data folder."""
    if settings is None:
        return dict(own)
    return lay_below(own, settings.values, (data / FILES / settings.version).resolve())


def own_keys(own: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys that a document says, as `section.key`, in their order."""
    return tuple(
        sorted(f"{name}.{key}" for name, section in own.items() if isinstance(section, Mapping) for key in section)
    )


def _path_of(value: Any, folder: Path) -> Any:
    if isinstance(value, str) and value.startswith(FILE_PREFIX):
        return str(folder / value.removeprefix(FILE_PREFIX))
    return value


def _write_files(data: Path, settings: StationSettings) -> None:
    folder = data / FILES / settings.version
    if settings.files and not folder.exists():
        folder.parent.mkdir(files.DIRECTORY, parents=True, exist_ok=True)
        with files.atomic_directory(folder) as beside:
            for name, text in settings.files.items():
                files.write_file(beside / Path(name).name, text.encode())
