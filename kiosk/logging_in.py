"""An ID administrator proves who they are: the card signs the server's nonce, or without connection one of our own.

Offline counts only while the signed list of administrators is valid, and only a card whose certificate is for identification, of
level 3, trusted here and not known to be revoked; who it is on the list is told by the HSA-id alone, and that they may attend by
`fleet.messages.attending`.
"""

import base64
import secrets
from collections.abc import Awaitable, Callable

from cryptography import x509

from drivers.reader.model import Chain
from drivers.reader.outcomes import Signed
from drivers.reader.public_keys import PARSE_FAULTS
from drivers.reader.signing import verifies
from drivers.reader.usage import purpose_by_usage
from fleet.messages import asking
from fleet.messages.asking import LoginAsk, NonceAsk, login_input
from fleet.messages.attending import refusal_to_attend
from kiosk.issuer_ports import Declined, LoggedIn, Unavailable
from kiosk.issuing import Desk
from kiosk.ports import Orders
from kiosk.proof_ports import Signer

Judge = Callable[[bytes], Awaitable[Chain]]
"""What is to be thought of a certificate (DER) now."""

_ALGORITHMS = ("RS256", "PS256", "ES256", "ES384")


class FleetAdministrators:
    """Implements `Administrators` of `kiosk.issuer_ports`."""

    def __init__(self, desk: Desk, orders: Orders, station: str, judge: Judge, today: Callable[[], str]) -> None:
        """`today`: by the trusted clock, ISO 8601."""
        self._desk = desk
        self._orders = orders
        self._station = station
        self._judge = judge
        self._today = today

    async def log_in(self, sign: Signer, level: int | None) -> LoggedIn | Declined | Unavailable:
        """See the port. The card signs once in either case."""
        given = await self._desk.ask(NonceAsk(id=secrets.token_hex(16)))
        online = isinstance(given, asking.Nonce)
        nonce = given.nonce if isinstance(given, asking.Nonce) else secrets.token_hex(16)
        message = login_input(self._station, nonce)
        made = await sign(message)
        if not isinstance(made, Signed):
            return Declined("card_did_not_sign")
        return await self._at_the_server(nonce, made) if online else await self._by_the_list(message, made, level)

    async def _at_the_server(self, nonce: str, made: Signed) -> LoggedIn | Declined | Unavailable:
        algorithm = next((one for one in _ALGORITHMS if one == made.algorithm), None)
        if algorithm is None:
            return Declined("bad_signature")
        ask = LoginAsk(
            id=secrets.token_hex(16),
            nonce=nonce,
            certificate=base64.b64encode(made.certificate).decode(),
            signature=base64.b64encode(made.signature).decode(),
            algorithm=algorithm,  # type: ignore[arg-type]  # one of the four
        )
        match await self._desk.ask(ask):
            case asking.LoggedIn(hsa_id=hsa_id, name=name, token=token, roles=roles):
                return LoggedIn(hsa_id, name, "server", token, roles)
            case asking.Declined(reason=reason):
                return Declined(reason)
            case Unavailable() as away:
                return away
            case _:
                return Unavailable("no_answer")

    async def _by_the_list(self, message: bytes, made: Signed, level: int | None) -> LoggedIn | Declined:
        try:
            if not verifies(made.certificate, message, made.signature, made.algorithm):
                return Declined("bad_signature")
            certificate = x509.load_der_x509_certificate(made.certificate)
            names = certificate.subject.get_attributes_for_oid(x509.oid.NameOID.SERIAL_NUMBER)
            purpose = purpose_by_usage(certificate)
        except PARSE_FAULTS:
            return Declined("bad_signature")
        if purpose != "identification":
            return Declined("not_for_identification")
        if await self._judge(made.certificate) != "ok":
            return Declined("card_not_valid")
        listed = await self._orders.administrator(str(names[0].value)) if len(names) == 1 else None
        refusal = refusal_to_attend(listed, level, self._today())
        if refusal is not None or listed is None:
            return Declined(refusal or "not_administrator")
        return LoggedIn(listed.hsa_id, listed.name, "list", roles=listed.roles)
