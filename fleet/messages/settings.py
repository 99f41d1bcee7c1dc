"""Settings of a station that its fleet gives, signed: they lie below the station's own `station.toml`, key by key.

They come as the one file of the kind `settings` in the region's data (`fleet.messages.region`): a compact JWS (RFC 7515, ES256)
under the server's key, `typ` `SETTINGS_TYP`, over a `StationSettings`.

>>> settings_version({"speech": {"volume": 4}}, {}) == settings_version({"speech": {"volume": 4}}, {})
True
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from fleet.messages.command_verification import FindKey
from fleet.messages.link import MessageError, decode

SETTINGS_TYP = "kortkiosk.settings+jws"
MAX_SETTINGS_BYTES = 1024 * 1024
FILE_PREFIX = "fleet:"
"""A value that begins so names one of `files`."""


class StationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that the fleet gives to one station.

    `values`: sections, keys and values as `station.toml` has them. `sources`: the layer that each `section.key` comes from:
    `fleet`, `group:NAME`, `site:NAME` or `station:NAME`. `files`: the texts of named files. `version`: of values and files.
    """

    station: str
    version: str
    values: dict[str, dict[str, Any]] = {}
    sources: dict[str, str] = {}
    files: dict[str, str] = {}


def settings_version(values: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """Return the version of settings: 16 hex digits of SHA-256. Settings that say nothing have one too."""
    return hashlib.sha256(msgspec.json.encode([values, files], order="deterministic")).hexdigest()[:16]


def open_settings(signed: bytes, key: ECKey | FindKey, station: str) -> StationSettings:
    """Return the settings in a JWS, where the server has signed them for this station. Raises MessageError."""
    if len(signed) > MAX_SETTINGS_BYTES:
        raise MessageError(f"settings have at most {MAX_SETTINGS_BYTES} bytes")
    try:
        opened = jws.deserialize_compact(signed, key, algorithms=["ES256"])
        is_settings = opened.protected.get("typ") == SETTINGS_TYP
    except (JoseError, ValueError, TypeError, RecursionError):  # a header's `crit` may be anything
        raise MessageError("the settings are not signed by the server") from None
    if not is_settings:
        raise MessageError("the settings are signed for something else")
    settings: StationSettings = decode(StationSettings, opened.payload or b"")
    if settings.station != station:
        raise MessageError("the settings are for another station")
    if settings.version != settings_version(settings.values, settings.files):
        raise MessageError("the settings are not of the version that they name")
    return settings
