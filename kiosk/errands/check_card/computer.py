"""The certificates of a card as a computer offers them: which one to choose where, from what the card itself holds.

What a browser's window shows of a certificate is its issuer, its last day and its serial number; the last tells apart two that
have all else in common, as on most cards of people who also sign.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from drivers.reader.model import CardFacts, Certificate, Purpose
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.information_page import information_page
from kiosk.steps.view_helpers import back_button, common_name
from kiosk.views import Button, Confirm, Point, ReceiptPanel, Say, say

_USES: dict[Purpose, str] = {"identification": "account-check-outline", "signature": "certificate-outline"}
MOST_NAME = 48
"""Characters of an issuer's name: the code for the phone is to stay readable."""
SERIAL_END = 6


@dataclass(frozen=True, slots=True)
class CertificateChoice:
    """The certificate for one use. `serial_end` is given where nothing else tells it from the other one."""

    purpose: Purpose
    issuer: str
    last: str
    serial_end: str = ""

    @property
    def text(self) -> Say:
        key = "computer.choose_by_serial" if self.serial_end else "computer.choose"
        return say(
            key, use=say(f"computer.{self.purpose}"), issuer=self.issuer, last=self.last, serial=self.serial_end
        )  # fmt: skip


def certificate_choices(facts: CardFacts, now: datetime) -> tuple[CertificateChoice, ...]:
    """Return the valid certificates of the card, each with its purpose."""
    certificates = [(purpose, facts.certificate(purpose)) for purpose in _USES]
    usable = [
        (purpose, certificate)
        for purpose, certificate in certificates
        if certificate is not None and _is_usable(certificate, now)
    ]
    seen = [_seen(certificate) for _, certificate in usable]
    return tuple(
        CertificateChoice(
            purpose, *_seen(certificate), certificate.serial[-SERIAL_END:] if seen.count(_seen(certificate)) > 1 else ""
        )
        for purpose, certificate in usable
    )


def _is_usable(certificate: Certificate, now: datetime) -> bool:
    return certificate.not_before <= now < certificate.not_after and certificate.chain != "revoked"


def _seen(certificate: Certificate) -> tuple[str, str]:
    """As the window shows it: the day as computers in Sweden write it."""
    return common_name(certificate.issuer)[:MOST_NAME], certificate.not_after.astimezone().date().isoformat()


async def show_computer(context: ErrandContext, choices: tuple[CertificateChoice, ...]) -> None:
    """Show which certificate to choose on a computer, and what to do where that refuses, for as long as the person
    reads."""
    page = next((page for page in context.caps.region.shown_pages if page.id == "certificates"), None)
    text = "\n".join(context.caps.print_text(choice.text) for choice in choices)
    while await context.ask(computer(context, choices, text, more=page is not None)) == "fails" and page is not None:
        await context.ask(information_page(context, page))


def computer(context: ViewContext, choices: Iterable[CertificateChoice], on_phone: str, *, more: bool) -> Confirm:
    """Return the view that shows which certificate to choose in the browser's window; the same as a code for the phone.
    `more`: what to do where the computer refuses can be read here."""
    return Confirm(
        **context.ending().head("computer", say("computer.title")),
        points=tuple(Point(choice.text, icon=_USES[choice.purpose]) for choice in choices),
        receipt=ReceiptPanel(title=say("computer.phone"), facts=(), qr=on_phone),
        way_out=back_button(),
        side=Button("fails", say("computer.fails"), "help-circle-outline") if more else None,
    )
