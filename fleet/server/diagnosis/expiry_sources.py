"""Sources of expiry dates: certificates, keys and secrets of authority, pages, alerts and order system."""

from pathlib import Path

from fleet.server.alerts.settings import load as load_alerts
from fleet.server.broker.mosquitto import SERVER_USER
from fleet.server.keys.expiry import Sources, What
from fleet.server.process.config import ServerConfig
from fleet.server.web.settings import WebSettings


def certificates_of(config: ServerConfig) -> dict[What, Path]:
    """Certificates without which a server with this configuration serves nobody. Raises SettingsError."""
    files: dict[What, Path] = {}
    if not config.web_only:
        mine: What = "server" if config.certificate == SERVER_USER else "process"
        files[mine] = config.server_file(f"{config.certificate}.pem")
        if config.broker is None and config.cluster is None:
            files["broker"] = config.server_file("broker.pem")
    web = WebSettings.load(config.web) if config.web is not None else WebSettings()
    if web.site.certificate:
        files["web"] = web.base / web.site.certificate
    return files


def sources_of(config: ServerConfig) -> Sources:
    """Raises SettingsError, OSError."""
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
