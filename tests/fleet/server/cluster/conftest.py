"""What tests of the cluster share."""

import pytest

from fleet.server.broker.mqtt5_client import Credentials
from provisioning.authority import Authority


@pytest.fixture
def credentials(authority: Authority) -> Credentials:
    """The server's own, at a broker."""
    server = authority.directory / "server"
    return Credentials(authority.directory / "ca/ca.pem", server / "fleet-server.pem", server / "fleet-server.key")
