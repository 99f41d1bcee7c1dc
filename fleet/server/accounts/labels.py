"""Labels of accounts and API tokens: whether one can be signed in with, whether the other works."""

from datetime import datetime

from fleet.server.accounts.api_tokens import ApiToken
from fleet.server.accounts.queries import AccountRow
from fleet.server.pages.labels import ICON, StatusLabel


def account_label(person: AccountRow) -> StatusLabel:
    """Return the label of an account: closed, invited or ready."""
    if person.disabled:
        return StatusLabel("ba", "lock-outline", "account", "closed")
    if not person.ready:
        return StatusLabel("wa", "clock-outline", "account", "invited")
    return StatusLabel("ok", "account-check-outline", "account", "ready")


def token_label(token: ApiToken, now: datetime) -> StatusLabel:
    if token.revoked:
        return StatusLabel("of", "close-circle-outline", "token", "revoked")
    if token.ends > now:
        return StatusLabel("ok", ICON["ok"], "token", "works")
    return StatusLabel("of", "clock-outline", "token", "ended")
