"""axe-core in a page: what of WCAG it breaks, in words.

Example: `assert await violations(page) == []`
"""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@cache
def source() -> str:
    """The script, out of the package that brings it."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).with_name("axe.min.js").read_text("utf-8")


async def violations(page: Page) -> list[str]:
    """Rule and places, each; empty where the page is clean."""
    await page.evaluate(f"if (!window.axe) {{ {source()} }}")
    found: list[dict[str, Any]] = await page.evaluate(
        "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']}).then(result => result.violations)",
        list(RULES),
    )
    return [f"{page.url} {one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]


async def clean_in_both_themes(page: Page) -> None:
    """Light and dark, by the page's own attribute; as it was in the end."""
    for theme in ("dark", "light"):
        await page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        assert await violations(page) == [], theme
