"""Dependencies of routes: the application's sign-in service, and whom security keys are made for at the address in use."""

from fastapi import Request

from fleet.server.sign_in.security_keys.webauthn import RelyingParty
from fleet.server.sign_in.service import Access
from fleet.server.web.authorization import site_of


def access_of(request: Request) -> Access:
    """The sign-in service of this application."""
    access: Access = request.app.state.access
    return access


def relying_party_for(request: Request) -> RelyingParty | None:
    """The WebAuthn relying party at the address that the browser has; None where browsers allow no security keys there."""
    return RelyingParty.at(site_of(request).public or f"{request.url.scheme}://{request.headers.get('host', '')}")
