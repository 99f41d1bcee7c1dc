"""Web set-up of `serve`: TLS or proxy, the region's own sign-in, and the first one-time link.

Rules: without `web.toml` it is this machine alone, over plain HTTP. A link is given out once, at the start: to set the first
administrator up, or for a demo to sign a made-up one in.
"""

import ssl
from dataclasses import dataclass, field

from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.process.default_settings import SettingsError
from fleet.server.sign_in.openid.client import OpenId
from fleet.server.sign_in.openid.pages import BACK
from fleet.server.sign_in.service import Access
from fleet.server.web.listener import Shield
from fleet.server.web.roles import EVERYWHERE, Role
from fleet.server.web.settings import LimitSettings, WebSettings
from fleet.server.web.site import Site

DEMO_NAMES = {"sign_in": "demo", "second": "demo-second"}
"""Two made-up people: what gives trust takes both."""


@dataclass(frozen=True, slots=True)
class Pages:
    """See the module. `links` maps `set_up`, or `sign_in` and `second`, to an address that works once."""

    url: str
    site: Site
    shield: Shield
    openid: OpenId | None
    limits: LimitSettings
    links: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, config: ServerConfig, at: Address, access: Access) -> "Pages":
        """From the settings. Raises SettingsError."""
        settings = WebSettings.load(config.web) if config.web is not None else WebSettings()
        if not (config.http.is_loopback or settings.site.public):
            raise SettingsError(f"{config.web}: site.public is missing, and other machines reach {config.http}")
        url = settings.site.public or f"http://{at}"
        site = Site(settings.site.public, config.http.is_loopback)
        openid = None
        if settings.openid is not None:
            redirect = url + BACK
            reach = {"verify": _tls(settings)}
            openid = OpenId(settings.openid, settings.secret(), redirect, (access.database, access.clock), reach)
        return cls(url, site, _shield(settings), openid, settings.limits, _links(access, url, config.demo))


def _links(access: Access, url: str, demo: bool) -> dict[str, str]:
    if demo:
        given = ((Role.ADMIN, EVERYWHERE),)
        return {key: f"{url}/sign-in/link/{access.link_for(name, given)}" for key, name in DEMO_NAMES.items()}
    first = access.first_link()
    return {} if first is None else {"set_up": f"{url}/set-up/{first}"}


def _shield(settings: WebSettings) -> Shield:
    site = settings.site
    if not site.certificate:
        return Shield(proxies=tuple(map(str, site.trusted_proxies)))
    certificate, key = settings.base / site.certificate, settings.base / site.key
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError too
        raise SettingsError(f"site: {certificate} or {key}: {error.strerror or error}") from None
    return Shield(certificate, key, tuple(map(str, site.trusted_proxies)))


def _tls(settings: WebSettings) -> ssl.SSLContext:
    assert settings.openid is not None
    ca = settings.openid.ca
    try:
        return ssl.create_default_context(cafile=str(settings.base / ca) if ca else None)
    except OSError as error:
        raise SettingsError(f"openid.ca: {settings.base / ca}: {error.strerror or error}") from None
