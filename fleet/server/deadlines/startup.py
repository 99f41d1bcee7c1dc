"""Loading of the rules of deadlines at the start of a server.

>>> from pathlib import Path
>>> deadlines_of(ServerConfig(Path("data"), Path("authority"))).act_of("not_collected")
'void'
"""

from fleet.server.deadlines.settings import DeadlineSettings, load
from fleet.server.issuers.settings import IssuerSettings
from fleet.server.platform.config import ServerConfig


def deadlines_of(config: ServerConfig) -> DeadlineSettings:
    """From its file; the last day of LoA2 also from the issuer's. Raises DeadlineSettingsError, SettingsError, OSError."""
    last = None if config.issuer is None else IssuerSettings.load(config.issuer).rules.loa2_last_day
    return load(config.deadlines, loa2_last_day=last)
