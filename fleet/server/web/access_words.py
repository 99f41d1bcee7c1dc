"""Deeds of the audit, accounts and tokens in words: level and icon.

>>> deed_mark("sign-out").icon
'logout'
"""

from datetime import datetime

from fleet.server.access.people import Person
from fleet.server.access.tokens import Token
from fleet.server.web.card_words import CARD_DEEDS
from fleet.server.web.command_tales import COMMAND_DEEDS
from fleet.server.web.words import ICON, Level, Mark

_DEED: dict[str, tuple[Level, str]] = {
    "sign-in": ("ok", "account-check-outline"),
    "sign-in.refused": ("wa", "lock-alert-outline"),
    "sign-in.stopped": ("ba", "shield-alert-outline"),
    "sign-out": ("of", "logout"),
    "alert.acknowledge": ("ok", "check"),
    **COMMAND_DEEDS,
    **CARD_DEEDS,
    "maintenance.begin": ("of", "wrench-outline"),
    "maintenance.end": ("of", "wrench-outline"),
    "people.search": ("of", "magnify"),
    "people.errand": ("of", "file-search-outline"),
    "people.errands": ("of", "file-search-outline"),
    "people.receipt": ("of", "receipt-text-outline"),
    "people.stopped": ("ba", "shield-alert-outline"),
    "command.stopped": ("ba", "shield-alert-outline"),
    "user.add": ("of", "plus"),
    "user.set-up": ("of", "lock-outline"),
    "user.reset": ("wa", "lock-reset"),
    "user.disable": ("wa", "account-outline"),
    "user.rename": ("of", "account-outline"),
    "user.roles": ("wa", "account-tie-outline"),
    "user.end-sessions": ("wa", "logout"),
    "link.first": ("wa", "shield-key-outline"),
    "link.sign-in": ("wa", "shield-key-outline"),
    "token.add": ("wa", "shield-key-outline"),
    "token.revoke": ("of", "shield-key-outline"),
    "export": ("wa", "download-outline"),
    "audit.verify": ("of", "link-variant"),
    "evidence.export": ("wa", "download-outline"),
    "retention.erase": ("of", "delete-empty-outline"),
    "retention.request": ("wa", "delete-empty-outline"),
}
DEEDS = tuple(_DEED)


def deed_mark(action: str) -> Mark:
    """What the audit tells of."""
    level, icon = _DEED.get(action, ("of", "information-outline"))
    return Mark(level, icon, "deed", action)


def account_mark(person: Person) -> Mark:
    """Whether an account can be signed in with."""
    if person.disabled:
        return Mark("ba", "lock-outline", "account", "closed")
    if not person.ready:
        return Mark("wa", "clock-outline", "account", "invited")
    return Mark("ok", "account-check-outline", "account", "ready")


def token_mark(token: Token, now: datetime) -> Mark:
    """Whether a token works."""
    if token.revoked:
        return Mark("of", "close-circle-outline", "token", "revoked")
    return (
        Mark("ok", ICON["ok"], "token", "works") if token.ends > now else Mark("of", "clock-outline", "token", "ended")
    )
