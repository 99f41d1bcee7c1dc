"""The pages of documentation as tests read them: text, fenced blocks, links, anchors."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ERRAND_PAGES = sorted(ROOT.glob("kiosk/errands/*/README.md"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ERRAND_PAGES])
OURS = [ROOT / "README.md", *sorted([*DOCS.glob("*.md"), *DOCS.glob("sv/*.md")])]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def page(name: str) -> str:
    return text(DOCS / name)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(kind: str, *pages: Path) -> Iterator[str]:
    """Fenced blocks whose info string is `kind`."""
    for one in pages or PAGES:
        yield from (body.strip("\n") for info, body in FENCE.findall(text(one)) if info.strip() == kind)


def anchors(of: Path) -> set[str]:
    """The anchors that GitHub makes of headings."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", text(of)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
