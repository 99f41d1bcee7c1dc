"""The station's own rules over settings that a fleet wants to give, before they go and when they come.

The fleet server finds `find_faults` by the entry point `kortkiosk.settings`, so that it knows no key of a station by itself.

>>> find_faults({"speech": {"volume": 9}}, {})
['speech.volume: Input should be less than or equal to 5']
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drivers.reader.certificates.trust_store import load_certificates, split_anchors
from fleet.messages.settings import FILE_PREFIX
from kiosk.config import Config, ConfigError, validated
from kiosk.fleet_settings import LOCAL, lay_below
from kiosk.region import RegionSettingsError, region_of
from kiosk.station.reader_settings import card_profiles

FILE_KEYS = ("trust.anchors", "station.region", "profiles.keys")
"""Keys whose value may name a file of the fleet."""


def find_faults(values: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """Return what is wrong with these settings, one line a fault: `section.key: reason`; an empty list where all is well.

    Args:
        values: sections, keys and values as `station.toml` has them; a value `fleet:NAME` names a file.
        texts: the text of each file by its name.
    """
    faults = [*_local(values), *_files(values, texts)]
    if faults:
        return faults
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in texts.items():
            (folder / file).write_text(text, "utf-8")
        try:
            config = validated(folder, lay_below({}, values, folder))
        except ConfigError as error:
            return [fault.replace(f"{folder}/", FILE_PREFIX) for fault in error.faults]
        return [fault.replace(f"{folder}/", FILE_PREFIX) for fault in (*_virtual(config), *_contents(config, folder))]


def _local(values: Mapping[str, Any]) -> list[str]:
    faults = []
    for name, section in values.items():
        if not isinstance(section, Mapping):
            faults.append(f"{name}: is no section; write [{name}] and keys below it")
            continue
        faults += [
            f"{name}.{key}: only the station's own station.toml says it" for key in section if f"{name}.{key}" in LOCAL
        ]
    return faults


def _files(values: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    faults = [
        f"files.{file}: is no name of a file" for file in texts if file in ("", ".", "..") or Path(file).name != file
    ]
    named = {
        f"{name}.{key}": value.removeprefix(FILE_PREFIX)
        for name, section in values.items()
        if isinstance(section, Mapping)
        for key, value in section.items()
        if isinstance(value, str) and value.startswith(FILE_PREFIX)
    }
    for key, file in named.items():
        if key not in FILE_KEYS:
            faults.append(f"{key}: names no file; {', '.join(FILE_KEYS)} do")
        elif file not in texts:
            faults.append(f"{key}: there is no file {file!r} among the settings")
    return faults


def _virtual(config: Config) -> list[str]:
    return [f"{name}: a virtual device is for a bench, and its own station.toml names it" for name in config.virtual]


def _contents(config: Config, folder: Path) -> list[str]:
    """Return the faults of what the files say, read as a station reads them."""
    faults = []
    if config.trust.anchors:
        try:
            if not split_anchors(load_certificates(folder / config.trust.anchors))[0]:
                faults.append("trust.anchors: no certificate in it is a root, so no card could be believed")
        except (OSError, ValueError) as error:
            faults.append(f"trust.anchors: {error}")
    try:
        region_of(config.station.region, folder)
    except RegionSettingsError as error:
        faults.append(f"station.region: {error}")
    faults += [f"profiles: {refused}" for refused in card_profiles(config, folder).refused]
    return faults
