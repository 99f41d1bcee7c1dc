"""Sources of expiry dates: certificates, keys and secrets of authority, pages, alerts and order system."""

from pathlib import Path

from fleet.server.alerts.settings import load as load_alerts
from fleet.server.platform.config import ServerConfig
from fleet.server.platform.expiry import Sources
from fleet.server.platform.web.settings import WebSettings


def sources_of(config: ServerConfig) -> Sources:
    """Raises AlertSettingsError, WebSettingsError, OSError."""
    web = WebSettings.load(config.web) if config.web is not None else WebSettings()
    openid = web.openid.client_secret_file if web.openid is not None else ""
    secrets = [config.order_hook, web.base / openid if openid else None]
    alerts = load_alerts(config.alerts)
    secrets += [Path(hook.secret_file) for hook in alerts.webhook if hook.secret_file]
    secrets += [Path(mail.password_file) for mail in alerts.email if mail.password_file]
    return Sources(
        config.authority,
        web.base / web.site.certificate if web.site.certificate else None,
        tuple(dict.fromkeys(path for path in secrets if path is not None)),
    )
