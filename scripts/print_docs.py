"""Documents for paper, as PDF: the pilot's handbook and its data-protection sheet (A4), and the sign beside a station (A3).

`make docs` writes them beside their pages in the site. Colours, typefaces and icons are the station's own, and the sign says of
each errand what its tile says. Chromium prints; without it `PrintError` says what to install.
"""

import base64
import html
import os
import posixpath
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "docs/sv"
HANDOUTS = ("pilot", "dataskydd")
SIGN = "skylt"
OWN_SHEETS = ("Personalsida", "Incidentkort")
"""Sections of a handout that are put up alone: a page each, in large type."""
TIMEOUT_S = 120
_LINK_TO_A_PAGE = re.compile(r"\[([^\]]+)\]\((?!https:)([^)#]+)[^)]*\)")
_ASSETS = ROOT / "kiosk/screens/assets"
_FONTS = (
    ("Inter", 400, "Inter-Regular.otf"),
    ("Inter", 600, "Inter-SemiBold.otf"),
    ("Inter Display", 600, "InterDisplay-SemiBold.otf"),
    ("Icons", 400, "icons.ttf"),
)


class PrintError(Exception):
    """Nothing can be printed here, and why."""


def write(folder: Path) -> list[Path]:
    """Write each document into the folder, and return the files. Raises PrintError."""
    pages = {name: handout((SOURCES / f"{name}.md").read_text("utf-8")) for name in HANDOUTS} | {SIGN: sign()}
    files = []
    for name, page in pages.items():
        print_page(page, folder / f"{name}.pdf")
        files.append(folder / f"{name}.pdf")
    return files


def print_page(page: str, file: Path) -> None:
    """Print a page of HTML that needs no other file, on paper as large as its style says. Raises PrintError."""
    file.unlink(missing_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        raise PrintError("chromium is not installed; `make setup` installs it")
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "page.html"
        source.write_text(page, "utf-8")
        command = [chromium, "--headless", "--disable-gpu", *root, f"--user-data-dir={scratch}/profile"]
        command += ["--no-pdf-header-footer", f"--print-to-pdf={file}", source.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise PrintError(f"chromium has not printed {file.name} within {TIMEOUT_S} s") from error
    if done.returncode or not file.exists():
        raise PrintError(f"chromium did not print {file.name}: {done.stderr.strip()[-400:]}")


def handout(text: str) -> str:
    """HTML of a page of Markdown. A link to another page becomes its words and the page's name, which can be read on paper."""
    text = _LINK_TO_A_PAGE.sub(lambda link: f"{link[1]} `{posixpath.normpath(f'docs/sv/{link[2]}')}`", text)
    body = MarkdownIt("commonmark").enable("table").render(text)
    body = re.sub(
        rf"(<h2>(?:{'|'.join(OWN_SHEETS)})</h2>.*?)(?=<h2>|\Z)",
        r'<section class="sheet">\1</section>',
        body,
        flags=re.DOTALL,
    )
    body = re.sub(r"\b(Svar):\s+_{16}", r'<span class="answer">\1</span>', body)
    body = re.sub(r"_{6,}", lambda line: f'<span class="fill" style="width: {4 * len(line[0])}mm"></span>', body)
    title = text.splitlines()[0].removeprefix("# ")
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>'
    style = f"<style>{_tokens()}{_fonts()}{(SOURCES / 'print.css').read_text('utf-8')}</style>"
    return f'<!doctype html><html lang="sv" data-theme="light"><head>{head}{style}</head><body>{body}</body></html>'


def sign() -> str:
    """HTML of the sign of pilot 0, by the region's file that ships."""
    pilot, general = (
        tomllib.loads((ROOT / f"kiosk/regions/{name}.toml").read_text("utf-8")) for name in ("pilot", "general")
    )
    about = next(page for page in pilot["pages"] if page["id"] == "pilot")
    line = _texts(ROOT / "kiosk/texts/sv/home.po")["home.block_line"]
    return Template((SOURCES / f"{SIGN}.html").read_text("utf-8")).substitute(
        tokens=_tokens(),
        fonts=_fonts(),
        tiles="\n".join(
            _tile(errand) for errand in sorted(pilot["errands"], key=lambda errand: _errand(errand)["order"])
        ),
        pilot=" ".join(html.escape(each["sv"]) for each in about["lines"][1:]),
        block_line=f"{html.escape(line)}: <b>{html.escape(general['block_line'])}</b>",
    )


def _tile(errand: str) -> str:
    texts = _texts(ROOT / f"kiosk/errands/{errand}/texts/sv.po")
    title, detail = (html.escape(texts[f"home.{errand}{part}"]) for part in ("", ".detail"))
    points = dict(re.findall(r"^(\S+) ([0-9A-F]+)$", (_ASSETS / "icons.txt").read_text("utf-8"), re.MULTILINE))
    icon = f"&#x{points[_errand(errand)['icon']]};"
    return f'    <li><span class="icon">{icon}</span><span><b>{title}</b><span>{detail}</span></span></li>'


def _errand(name: str) -> dict[str, str]:
    return tomllib.loads((ROOT / f"kiosk/errands/{name}/errand.toml").read_text("utf-8"))


def _texts(file: Path) -> dict[str, str]:
    return dict(re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', file.read_text("utf-8"), re.MULTILINE))


def _tokens() -> str:
    """The colours of the light theme."""
    text = (ROOT / "fleet/server/pages/static/tokens.css").read_text("utf-8")
    return text[text.index(":root") : text.index("}") + 1] + "\n"


def _fonts() -> str:
    return "".join(
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; src: url("data:font/otf;base64,'
        f'{base64.b64encode((_ASSETS / file).read_bytes()).decode()}"); }}\n'
        for family, weight, file in _FONTS
    )
