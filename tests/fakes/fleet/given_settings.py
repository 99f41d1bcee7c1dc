"""Settings as a fleet server signs them for a station."""

from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey

from fleet.messages.link import encode
from fleet.messages.settings import SETTINGS_TYP, StationSettings, settings_version

STATION = "entre-a"


def given(
    values: Mapping[str, Mapping[str, Any]] | None = None,
    files: Mapping[str, str] | None = None,
    station: str = STATION,
) -> StationSettings:
    """Return settings of the layer `fleet`."""
    values, files = {name: dict(section) for name, section in (values or {}).items()}, dict(files or {})
    sources = {f"{name}.{key}": "fleet" for name, section in values.items() for key in section}
    return StationSettings(station, settings_version(values, files), dict(values), sources, dict(files))


def signed(settings: StationSettings, key: ECKey, typ: str = SETTINGS_TYP) -> bytes:
    """Return the JWS that a station gets."""
    return jws.serialize_compact({"alg": "ES256", "typ": typ}, encode(settings), key).encode()
