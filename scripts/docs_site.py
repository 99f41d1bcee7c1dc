"""The documents as a site that is read without a network: `make docs` builds `build/site/index.html`, and in it the PDFs of
what is printed (`scripts.print_docs`).

Pages that lie outside `docs/` join it; of a link to a file of the code the words stay. What is wrong with a page or a link ends
it with the place (`sphinx-build --fail-on-warning`).
"""

import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts import print_docs

ROOT = Path(__file__).parents[1]
PAGES, SITE = ROOT / "build/site-pages", ROOT / "build/site"
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    "drivers/reader/README.md": "card-reader.md",
    "tests/fakes/README.md": "fakes.md",
}
"""Pages of the repository, and their places in the site."""
PARTS = {
    "Holders and ID administrators": "sv/kortinnehavare sv/id-administrator sv/pilot sv/dataskydd gallery/README",
    "Install and operate": "install operations operations-reference updates appliance bring-up hardware cabinet-firmware"
    " deadlines worklist incidents scale release changelog",
    "Integrate": "regions issuer messages rules journeys receipts evidence cards profiles first-card reader card-reader"
    " cabinet-protocol virtual-devices walk languages",
    "Develop and judge": "architecture where-a-change-goes add-an-errand glossary contributing security threat-model proofs"
    " reporting conformity accessibility reliability benchmarks fakes decisions/README",
}
"""Where each page stands, by its reader."""
SETTINGS = """
project = "kortkiosk"
extensions = ["myst_parser"]
html_theme, html_title, html_show_copyright, html_show_sphinx, html_copy_source = "furo", "kortkiosk", False, False, False
myst_heading_anchors = 4
suppress_warnings = ["myst.header", "misc.highlighting_failure", "toc.not_included"]
"""
PRINTED = f'<a href="$name.pdf">Skriv ut sidan (A4)</a> · <a href="{print_docs.SIGN}.pdf">skylten (A3)</a>'
"""Stands below the title of a page that is printed."""
_LINK = re.compile(r"(!?)\[((?:[^\]`]|`[^`]*`)*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def placed(text: str, name: str, place: str, there: frozenset[str]) -> str:
    """The page `name` of the repository as it stands at `place` of the site, where its links lead to what is `there`."""

    def link(match: re.Match[str]) -> str:
        mark, words, target, anchor = match[1], match[2], match[3], match[4] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        to = OUTSIDE.get(path, path.removeprefix("docs/"))
        if to not in there:
            return words
        return f"{mark}[{words}]({posixpath.relpath(to, posixpath.dirname(place) or '.')}{anchor})"

    return _LINK.sub(link, text)


def gather() -> None:
    """Copy every page and picture to where the site wants it."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES)
    pages = {f"docs/{path.relative_to(PAGES)}": str(path.relative_to(PAGES)) for path in PAGES.rglob("*.md")} | OUTSIDE
    there = frozenset(str(path.relative_to(PAGES)) for path in PAGES.rglob("*") if path.is_file()) | {*OUTSIDE.values()}
    for name, place in pages.items():
        (PAGES / place).write_text(placed((ROOT / name).read_text("utf-8"), name, place, there), "utf-8")
    for name in print_docs.HANDOUTS:
        page = PAGES / f"sv/{name}.md"
        title, _, rest = page.read_text("utf-8").partition("\n")
        page.write_text(f"{title}\n\n{PRINTED.replace('$name', name)}\n{rest}", "utf-8")
    trees = (
        "\n".join([f"```{{toctree}}\n:caption: {part}\n:maxdepth: 1\n", *names.split(), "```\n"])
        for part, names in PARTS.items()
    )
    first = (PAGES / OUTSIDE["README.md"]).read_text("utf-8")
    (PAGES / "index.md").write_text("\n".join([first, *trees]), "utf-8")
    (PAGES / "conf.py").write_text(SETTINGS, "utf-8")


def main() -> int:
    gather()
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-b", "html"]
    code = subprocess.run([*command, str(PAGES), str(SITE)]).returncode
    if code:
        return code
    print(SITE.relative_to(ROOT) / "index.html")
    try:
        files = print_docs.write(SITE / "sv")
    except print_docs.PrintError as error:
        print(f"make docs: the site is there, its PDFs are not: {error}", file=sys.stderr)
        return 1
    print(*(file.relative_to(ROOT) for file in files), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
