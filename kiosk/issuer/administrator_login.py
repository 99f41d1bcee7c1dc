"""Log-in of ID administrators, once their card has proved who they are: by the server, or offline by the signed list.

Offline counts only while the signed lists are recent, and only a card whose certificate is for identification, of
level 3, trusted here and not known to be revoked; who it is on the list is told by the HSA-id alone, and that they may attend by
`fleet.messages.attending`.
"""

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime

from cryptography import x509

from drivers.reader.certificates.key_usage import purpose_by_usage
from drivers.reader.certificates.public_keys import PARSE_FAULTS
from drivers.reader.model import Chain
from fleet.messages import asking
from fleet.messages.asking import LoginAsk, WorklistAsk
from fleet.messages.attending import refusal_to_attend
from kiosk.issuer.client import IssuerRequests
from kiosk.issuer.ports import LoggedIn, RequestDeclined, Task, Tasks, Unavailable
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Orders

Judge = Callable[[bytes], Awaitable[Chain]]
"""What is to be thought of a certificate (DER) now."""


class FleetAdministrators:
    """Implements `Administrators` of `kiosk.issuer.ports`."""

    def __init__(self, requests: IssuerRequests, orders: Orders, judge: Judge, today: Callable[[], str]) -> None:
        """`today`: by the trusted clock, ISO 8601."""
        self._requests = requests
        self._orders = orders
        self._judge = judge
        self._today = today

    async def log_in(self, proof: PersonProof) -> LoggedIn | RequestDeclined | Unavailable:
        """See the port. Where the nonce is the server's, the server alone says."""
        return await self._at_the_server(proof) if proof.by_server else await self._by_the_list(proof)

    async def tasks(self, administrator: LoggedIn, *, take: str = "") -> Tasks | RequestDeclined | Unavailable:
        """See the port."""
        if administrator.proof is None or not administrator.proof.by_server:
            return RequestDeclined("log_in_at_the_server")
        ask = WorklistAsk(id=secrets.token_hex(16), take=take)
        match await self._requests.ask_for(ask, administrator.proof):
            case asking.WorklistResult(lines=lines, total=total):
                shown = (
                    Task(line.id, line.kind, datetime.fromisoformat(line.due), line.card, line.taken) for line in lines
                )
                return Tasks(tuple(shown), total)
            case asking.DeclinedResult(reason=reason):
                return RequestDeclined(reason)
            case Unavailable() as away:
                return away
            case _:
                return Unavailable("no_answer")

    async def _at_the_server(self, proof: PersonProof) -> LoggedIn | RequestDeclined | Unavailable:
        match await self._requests.ask_for(LoginAsk(id=secrets.token_hex(16)), proof):
            case asking.LoggedInResult(hsa_id=hsa_id, name=name, roles=roles):
                return LoggedIn(hsa_id, name, "server", proof, roles)
            case asking.DeclinedResult(reason=reason):
                return RequestDeclined(reason)
            case Unavailable() as away:
                return away
            case _:
                return Unavailable("no_answer")

    async def _by_the_list(self, proof: PersonProof) -> LoggedIn | RequestDeclined | Unavailable:
        if not await self._orders.are_recent():
            return Unavailable("lists_too_old")
        try:
            purpose = purpose_by_usage(x509.load_der_x509_certificate(proof.certificate))
        except PARSE_FAULTS:
            return RequestDeclined("not_for_identification")
        if purpose != "identification":
            return RequestDeclined("not_for_identification")
        if await self._judge(proof.certificate) != "ok":
            return RequestDeclined("card_not_valid")
        listed = await self._orders.administrator(proof.hsa_id)
        refusal = refusal_to_attend(listed, proof.loa, self._today())
        if refusal is not None or listed is None:
            return RequestDeclined(refusal or "not_administrator")
        return LoggedIn(listed.hsa_id, listed.name, "list", proof, listed.roles)
