"""Client certificates for further processes of the server: one for each that is connected to the same MQTT broker.

Rules: a client id is the certificate's name, so two processes with one certificate push each other out. A name begins with
`fleet-server-`, which no station is given. Issued again, a process has a new key and a new certificate.
"""

import re
from datetime import datetime

from provisioning import files, pki
from provisioning.authority import SERVER_CLIENT_NAME, Authority, AuthorityError

PROCESS_NAME = re.compile(rf"{SERVER_CLIENT_NAME}-[a-z0-9](?:[a-z0-9-]{{0,22}}[a-z0-9])?\Z")


def issue_process(authority: Authority, name: str, now: datetime) -> datetime:
    """Write `server/NAME.key` and `server/NAME.pem`. Gives until when it is good. Raises AuthorityError, OSError."""
    if PROCESS_NAME.match(name) is None:
        raise AuthorityError(f"{name!r}: a process is called {SERVER_CLIENT_NAME}- and 1 to 24 of a-z, 0-9 and hyphens")
    server = authority.directory / "server"
    with files.directory_lock(authority.directory):
        key = pki.new_key()
        certificate = pki.issue_client(authority.issuer(), name, key.public_key(), now)
        files.write_file(server / f"{name}.key", pki.key_pem(key))
        files.write_file(server / f"{name}.pem", pki.certificate_pem(certificate), files.PUBLIC)
    return certificate.not_valid_after_utc


def process_names(authority: Authority) -> list[str]:
    """Return the names of the processes that have a certificate, without the server itself."""
    paths = (authority.directory / "server").glob(f"{SERVER_CLIENT_NAME}-*.pem")
    return sorted(path.stem for path in paths if PROCESS_NAME.match(path.stem))
