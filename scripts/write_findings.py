"""Write docs/findings.md from the table of rules and its English sentences.

python -m scripts.write_findings            # writes the page
python -m scripts.write_findings --check    # exit 1 where the page is not what would be written
"""

import argparse
import sys
from pathlib import Path

from kiosk.findings import RULES, CardFinding, FindingRule
from kiosk.texts import Texts
from kiosk.views import Say

PAGE = Path(__file__).resolve().parents[1] / "docs" / "findings.md"
HEAD = """# Findings

For whoever answers holders: what a station may find wrong with a card, worst first, and what mends it. The station's
screen also explains each. `card show --json` lists the same codes, except those that are for information alone.
Written by `python -m scripts.write_findings` from `kiosk/findings/rules.py`.

| code | looks at | what it is | what to do | errand | who mends it |
|---|---|---|---|---|---|
"""
BRACES = {"day": "DAY", "from": "DAY", "left": "N days left.", "within": "within N days", "use": "USE", "label": "LABEL",
          "issuer": "ISSUER", "why": "WHY.", "how": "HOW.", "until": "UNTIL."}  # fmt: skip


def main() -> int:
    """Write or compare. Exit code 1 where the page differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = HEAD + "".join(map(_row, RULES))
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE.name} is not what the table says; run python -m scripts.write_findings", file=sys.stderr)
    return 1


def _row(rule: FindingRule) -> str:
    found = CardFinding(rule.code, rule.errand, rule.who, dict(BRACES))
    said = " | ".join(_plain(one) for one in (found.title, found.mend))
    errand = f"`{rule.errand}`" if rule.errand else ""
    return f"| `{rule.code}` | {rule.looks_at} | {said} | {errand} | {rule.who} |\n"


def _plain(text: Say) -> str:
    return Texts.load().plain(text, "en")


if __name__ == "__main__":
    sys.exit(main())
