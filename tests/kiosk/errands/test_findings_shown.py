"""How a finding is shown: by the icon of its kind, what it means beside what to do."""

from kiosk.findings import RULES
from kiosk.views import Tell
from sim.gallery.samples import samples

SHOWN = dict(samples())


def findings() -> dict[str, Tell]:
    """By their codes."""
    shown = {rule.code: SHOWN[f"check-{rule.code}"] for rule in RULES}
    return {code: view for code, view in shown.items() if isinstance(view, Tell)}


def test_each_finding_has_the_icon_of_its_kind() -> None:
    icons = {code: view.badge_icon for code, view in findings().items()}
    assert (icons["pin_locked"], icons["blocked"]) == ("lock-alert-outline", "smart-card-off-outline")
    assert (icons["certificate_expired"], icons["chain_untrusted"]) == ("calendar-clock", "shield-alert-outline")
    assert "alert" not in icons.values()


def test_what_it_means_stands_beside_what_to_do() -> None:
    for rule in RULES:
        view = findings()[rule.code]
        bullets = [point.bullet for point in view.points]
        assert bullets[0] == ("bad" if rule.who != "nobody" and not rule.works else "icon"), rule.code
        assert "number" in bullets, rule.code
        alone = rule.errand in ("unblock", "change_pin", "renew_certificate") and rule.who == "holder"
        assert ("good" in bullets) == alone or rule.who == "administrator", rule.code
        assert view.primary is not None, rule.code
        assert view.side is None, rule.code
