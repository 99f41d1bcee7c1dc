"""Settings of the web, `web.toml`: address, certificate or proxy, the region's own sign-in, rate limits.

Paths are relative to the file.

    [site]
    public = "https://dash.example"
    certificate = "web.pem"                 # or trusted_proxies = ["192.0.2.10"]
    key = "web.key"

    [openid]
    issuer = "https://login.example/realms/region"
    client_id = "kortkiosk"
    client_secret_file = "openid.secret"
    title = "Region Exempel"
    acr = ["http://id.example/loa3"]
    groups_claim = "groups"

    [[openid.grants]]
    group = "kortkiosk-drift"
    role = "operator"
    stations = "lasarettet-*"

    [limits]
    requests = 1200

>>> SiteSettings(public="https://dash.example", certificate="web.pem", key="web.key").trusted_proxies
()
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, model_validator

from fleet.server.process.default_settings import SettingsError, load_model
from fleet.server.web.roles import EVERYWHERE, STATIONS, Role


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteSettings(_Table):
    """Settings of the address at which browsers find the server."""

    public: Annotated[str, Field(pattern=r"^(https://[A-Za-z0-9.:\[\]-]+)?$")] = ""
    """The address as browsers write it, without a path."""
    certificate: str = ""
    key: str = ""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses or networks."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("certificate and key go together")
        if bool(self.public) != bool(self.certificate or self.trusted_proxies):
            raise ValueError("public goes with certificate and key, or with trusted_proxies")
        return self


class GroupGrant(_Table):
    """A group of the region's directory, and what it may here."""

    group: str
    role: Role
    stations: Annotated[str, Field(pattern=STATIONS)] = EVERYWHERE


class OpenIdSettings(_Table):
    """An issuer of OpenID Connect."""

    issuer: Annotated[str, Field(pattern=r"^https://|^http://127\.0\.0\.1[:/]")]
    client_id: str
    client_secret_file: str = ""
    """Empty: a public client, by PKCE alone."""
    title: Annotated[str, Field(min_length=1, max_length=40)]
    """As the button names it."""
    name_claim: str = "sub"
    """What the audit calls a person; never a personal identity number."""
    hsa_id_claim: str = ""
    """The claim with a person's HSA-id, which the issuer took from their card or its own directory, and which nobody writes for
    themselves. Without it nobody decides about cards at the dashboard."""
    groups_claim: str = "groups"
    acr: Annotated[tuple[Annotated[str, Field(pattern=r"^[!-~]+$")], ...], Field(min_length=1)]
    """What the issuer calls level 3 (Authentication Context Class Reference), the wished one first: nobody comes in with less."""
    max_age_s: Annotated[int, Field(ge=60, le=43_200)] = 3600
    """How old a proof of who somebody is may be at a sign-in (OpenID Connect Core 3.1.2.1)."""
    session_hours: Annotated[int, Field(ge=1, le=12)] = 8
    """How long such a session lasts in any case: groups are read at a sign-in and at a step-up."""
    grants: tuple[GroupGrant, ...]
    ca: str = ""
    """PEM: who may speak for the issuer; empty: whom the machine trusts."""


_NO_ACR = (
    'list the values that your issuer puts into acr for level 3, as in acr = ["http://id.example/loa3"];'
    " without them nobody could tell a smart card from a password"
)

Count = Annotated[int, Field(ge=1, le=1_000_000)]


class LimitSettings(_Table):
    """So many a minute, in each web process."""

    requests: Count = 1200
    """To `/api/v1`, of one token or session; messages of the order system, of one address."""
    refused: Count = 120
    """To `/api/v1` from one address, by somebody who is not known; and sign-ins at the issuer that are begun from there."""
    looks: Count = 120
    """Different people, errands and lists of them that one user or token looks at."""
    commands: Count = 60
    """Commands to stations, holds and blocks, and decisions about them, of one user or token."""


class WebSettings(_Table):
    site: SiteSettings = SiteSettings()
    openid: OpenIdSettings | None = None
    limits: LimitSettings = LimitSettings()
    base: Path = Path()

    @classmethod
    def load(cls, path: Path) -> "WebSettings":
        """Raises SettingsError."""
        reasons = dict.fromkeys((("openid.acr", "missing"), ("openid.acr", "too_short")), _NO_ACR)
        return load_model(path, cls, reasons)

    def secret(self) -> str | None:
        """The client's secret. Raises SettingsError."""
        if self.openid is None or not self.openid.client_secret_file:
            return None
        path = self.base / self.openid.client_secret_file
        try:
            if path.stat().st_mode & 0o077:
                raise SettingsError(f"{path}: others can read it; make its mode 0600")
            return path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: {error}") from None
