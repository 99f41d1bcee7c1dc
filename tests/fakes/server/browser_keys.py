"""A security key in a real browser: a virtual authenticator (Chrome DevTools Protocol, WebAuthn), and pictures on the way.

With `KORTKIOSK_PICTURES=FOLDER` each page is drawn into the folder in light and dark.
"""

import os
from pathlib import Path

from playwright.async_api import CDPSession, Page

from tests.fleet.server.app.axe import clean_in_both_themes

PICTURES = os.environ.get("KORTKIOSK_PICTURES")
KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": False,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


async def plug_in(page: Page) -> tuple[CDPSession, str]:
    """A key in the browser's only port; gives how it is turned, and its name there."""
    line = await page.context.new_cdp_session(page)
    await line.send("WebAuthn.enable")
    made = await line.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    return line, str(made["authenticatorId"])


async def follow(page: Page, selector: str) -> None:
    """Click, and wait for the page that it leads to: a look that comes earlier is at the old one, or at none."""
    async with page.expect_navigation():
        await page.click(selector)


async def drawn(page: Page, name: str) -> None:
    if PICTURES is not None:
        for theme in ("light", "dark"):
            await page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            await page.screenshot(path=Path(PICTURES) / f"{name}-{theme}.png")
    await clean_in_both_themes(page)
