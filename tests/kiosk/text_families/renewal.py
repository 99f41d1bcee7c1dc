"""Texts of renewing certificates, of reserve cards, and of cleaning up."""

from typing import get_args

from drivers.reader.model import Purpose
from kiosk.steps.certificate.card_write_views import TASKS
from kiosk.steps.certificate.views import OldIs

OLD = get_args(OldIs)
FAMILIES = {
    "renew.working.{}": TASKS,
    "renew.task.{}": TASKS,
    "renew.{}.title": ("begin", "again"),
    "renew.{}.new": ("begin", "again"),
    "renew.{}.new.detail": ("begin", "again"),
    "renew.{}.go": ("begin", "again"),
    "renew.done.old_{}": ("gone", "kept", "unknown"),
    "receipt.remark.{}": (*(f"old_{one}" for one in OLD), "cleaned"),
    "receipt.title.{}": ("renew_certificate", "reserve_certificate", "clean_up"),
    "clean.old.{}": get_args(Purpose),
    "clean.why.{}": ("expired", "superseded"),
}
