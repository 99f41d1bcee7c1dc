"""Settings in a JWS: taken only as the server has signed them, for this station, and whole."""

import msgspec
import pytest
from joserfc.jwk import ECKey

from fleet.messages.commands import COMMAND_TYP
from fleet.messages.link import MessageError
from fleet.messages.settings import MAX_SETTINGS_BYTES, open_settings
from tests.fakes.fleet.given_settings import STATION, given, signed

KEY, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")


def test_what_the_server_signed_is_read_back() -> None:
    settings = given({"speech": {"volume": 4}}, {"roots.pem": "made up"})
    assert open_settings(signed(settings, KEY), KEY, STATION) == settings


def test_the_version_is_of_values_and_files_alone() -> None:
    first, second = given({"speech": {"volume": 4, "rate": 2}}), given({"speech": {"rate": 2, "volume": 4}})
    assert first.version == second.version
    versions = {given().version, first.version, given({"speech": {"volume": 4}}, {"a": "b"}).version}
    assert len(versions) == 3


@pytest.mark.parametrize(
    ("jws", "fault"),
    [
        (signed(given(), OTHER), "not signed by the server"),
        (signed(given(), KEY, COMMAND_TYP), "signed for something else"),
        (signed(given(station="entre-b"), KEY), "another station"),
        (signed(msgspec.structs.replace(given({"speech": {"volume": 4}}), values={}), KEY), "not of the version"),
        (b"x" * (MAX_SETTINGS_BYTES + 1), "at most"),
        (b"no JWS", "not signed by the server"),
        (b"\xff.\xff.\xff", "not signed by the server"),
    ],
)
def test_everything_else_is_refused(jws: bytes, fault: str) -> None:
    with pytest.raises(MessageError, match=fault):
        open_settings(jws, KEY, STATION)
