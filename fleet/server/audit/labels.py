"""Labels of the audit: what somebody did, to what, and the codes in its detail as words.

>>> action_label("sign-out").icon
'logout'
"""

from fleet.messages.vocabulary import AskName
from fleet.server.audit_log.log import AuditRow
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import Level, StatusLabel

_ACTION_LABELS: dict[str, tuple[Level, str]] = {
    "sign-in": ("ok", "account-check-outline"),
    "sign-in.refused": ("wa", "lock-alert-outline"),
    "sign-in.stopped": ("ba", "shield-alert-outline"),
    "sign-out": ("of", "logout"),
    "key.add": ("wa", "shield-key-outline"),
    "key.remove": ("wa", "shield-key-outline"),
    "key.refused": ("wa", "lock-alert-outline"),
    "step-up": ("ok", "account-check-outline"),
    "step-up.refused": ("wa", "lock-alert-outline"),
    "alert.acknowledge": ("ok", "check"),
    "command.ask": ("of", "cog-outline"),
    "command.approve": ("ok", "account-check-outline"),
    "command.withdraw": ("of", "close-circle-outline"),
    "command.send": ("of", "timer-sand"),
    "command.expire": ("wa", "calendar-clock"),
    "command.done": ("ok", "check-circle"),
    "command.refused": ("wa", "alert"),
    "command.failed": ("ba", "close-circle"),
    "people.card": ("of", "card-search-outline"),
    "people.timeline": ("of", "calendar-clock"),
    "people.deadlines": ("of", "calendar-clock"),
    "people.directory": ("of", "magnify"),
    "people.administrators": ("of", "magnify"),
    "people.stock": ("of", "magnify"),
    "people.requests": ("of", "magnify"),
    "request.retry": ("of", "restart"),
    AskName.CARD_HOLD: ("wa", "timer-sand"),
    AskName.CARD_BLOCK: ("ba", "lock-outline"),
    AskName.CARD_LIFT: ("ok", "lock-open-variant-outline"),
    "deadline.remind": ("of", "calendar-clock"),
    "deadline.void": ("wa", "calendar-clock"),
    "deadline.hold": ("wa", "calendar-clock"),
    "deadline.block": ("ba", "calendar-clock"),
    "order.place": ("ok", "card-account-details-outline"),
    "order.cancel": ("wa", "close-circle-outline"),
    "order.destroy": ("wa", "delete-empty-outline"),
    "tries.ask": ("of", "restart"),
    "tries.agree": ("ok", "account-check-outline"),
    "tries.withdraw": ("of", "close-circle-outline"),
    "tries.reset": ("wa", "restart"),
    "person.change": ("of", "account-outline"),
    "administrator.put": ("wa", "badge-account-horizontal-outline"),
    "administrator.remove": ("wa", "badge-account-horizontal-outline"),
    "maintenance.begin": ("of", "wrench-outline"),
    "maintenance.end": ("of", "wrench-outline"),
    "people.search": ("of", "magnify"),
    "people.errand": ("of", "file-search-outline"),
    "people.errands": ("of", "file-search-outline"),
    "people.receipt": ("of", "receipt-text-outline"),
    "people.worklist": ("of", "magnify"),
    "worklist.take": ("ok", "account-check-outline"),
    "worklist.leave": ("of", "account-outline"),
    "worklist.note": ("of", "information-outline"),
    "worklist.register": ("ok", "check"),
    "worklist.remind": ("of", "bell-outline"),
    "worklist.cancel": ("wa", "close-circle-outline"),
    "worklist.close": ("ok", "check"),
    "worklist.fetch": ("of", "tray-arrow-down"),
    "worklist.give": ("wa", "tray-arrow-up"),
    "people.stopped": ("ba", "shield-alert-outline"),
    "command.stopped": ("ba", "shield-alert-outline"),
    "station.add": ("of", "plus"),
    "station.retire": ("wa", "archive-arrow-down-outline"),
    "station.return": ("of", "restart"),
    "enrolment.claim": ("of", "plus"),
    "enrolment.join_key": ("wa", "plus"),
    "enrolment.join_key_end": ("of", "close-circle-outline"),
    "enrolment.ask": ("of", "fingerprint"),
    "enrolment.other_key": ("ba", "shield-alert-outline"),
    "enrolment.approve": ("wa", "check"),
    "enrolment.refuse": ("wa", "close-circle-outline"),
    "enrolment.issue": ("ok", "certificate-outline"),
    "enrolment.renew": ("ok", "certificate-outline"),
    "enrolment.revoke": ("ba", "lock-outline"),
    "guard.confirm": ("wa", "check-circle-outline"),
    "proposal.make": ("wa", "account-check-outline"),
    "proposal.confirm": ("wa", "check"),
    "proposal.withdrawn": ("of", "close-circle-outline"),
    "proposal.objected": ("ba", "close-circle-outline"),
    "proposal.half": ("wa", "shield-key-outline"),
    "proposal.done": ("wa", "check-circle-outline"),
    "proposal.failed": ("ba", "alert"),
    "first-hour.close": ("ok", "lock-outline"),
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
    "secrets.rotate": ("wa", "lock-reset"),
    "token.revoke": ("of", "shield-key-outline"),
    "export": ("wa", "download-outline"),
    "audit.read": ("of", "magnify"),
    "audit.verify": ("of", "link-variant"),
    "evidence.export": ("wa", "download-outline"),
    "quarantine.requeue": ("of", "restart"),
    "quarantine.read": ("wa", "download-outline"),
    "retention.erase": ("of", "delete-empty-outline"),
    "retention.request": ("wa", "delete-empty-outline"),
}
ACTIONS = tuple(_ACTION_LABELS)
_UNDONE = "undone"
_GRANTING = ("user.add", "user.roles", "token.add")
_DETAIL = {
    "sign-in": "sign_in_how",
    "people.search": "order",
    "people.timeline": ("of", "calendar-clock"),
    "people.deadlines": "deadline",
    "card.": "card_reason",
    "command.": "command_result",
    "audit.verify": "verified",
}
"""By the beginning of an action: the family of the codes that may stand in its detail."""


def action_label(action: str, detail: str = "") -> StatusLabel:
    """Return the label of an audited action."""
    if (action, detail) == ("user.disable", _UNDONE):
        return StatusLabel("of", "account-check-outline", "audit_action", "user.enable")
    level, icon = _ACTION_LABELS.get(action, ("of", "information-outline"))
    return StatusLabel(level, icon, "audit_action", action)


def action_target(entry: AuditRow, texts: Localization) -> str:
    """Return what it was done to: codes of commands and alerts in words, all else as it was written."""
    place, _, rest = entry.target.partition(" ")
    code, _, more = rest.partition(" ")
    for family, action in (("command", "command."), ("alert", "alert.acknowledge")):
        if entry.action.startswith(action) and texts.has(f"{family}.{code}"):
            return f"{place}: {texts(f'{family}.{code}')} {more}".strip()
    return entry.target


def action_detail(entry: AuditRow, texts: Localization) -> str:
    """The rest of the entry, with codes in words."""
    if entry.detail == _UNDONE and entry.action == "user.disable":
        return ""
    if entry.action in _GRANTING:
        return ", ".join(_grant_said(part, texts) for part in entry.detail.split(", "))
    family = next((each for action, each in _DETAIL.items() if entry.action.startswith(action)), "")
    return texts(f"{family}.{entry.detail}") if family and texts.has(f"{family}.{entry.detail}") else entry.detail


def _grant_said(part: str, texts: Localization) -> str:
    """A role and its stations, or how many days a token is good for."""
    first, _, rest = part.partition(" ")
    if texts.has(f"role.{first}"):
        return texts(f"role.{first}") + ("" if rest in ("", "*") else f" ({rest})")
    return texts.many("deadline.days", int(first)) if first.isdigit() and rest == "days" else part
