"""Rendering of pages with Jinja: language, theme, and the whole page or the fragment that a live page asks for.

A page is the same route and the same template either way: with `HX-Request` only what may have changed is sent.
Language and theme come from the address (`?lang=en`, `?theme=dark`), which also sets the cookie, so that both work
without JavaScript.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import urlencode

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse

from fleet.server.live_feed.hub import Hub
from fleet.server.pages import rooms
from fleet.server.pages.assets import FIRST_FONTS, Assets
from fleet.server.pages.i18n import LANGUAGES, Localization, choose, parse_time
from fleet.server.web.pagination import pages_of
from fleet.server.web.roles import Caller, Right

THEMES = ("auto", "light", "dark", "hc")
_YEAR_S = 365 * 24 * 3600
_PREFERENCES = ("lang", "theme")


@dataclass(frozen=True, slots=True)
class Page:
    """A place in the menu."""

    id: str
    path: str
    icon: str
    right: Right = Right.VIEW


MENU = (
    Page("overview", "/", "view-dashboard-outline"),
    Page("worklist", "/worklist", "check-circle-outline", Right.PEOPLE),
    Page("stations", "/stations", "monitor"),
    Page("errands", "/errands", "file-search-outline"),
    Page("alerts", "/alerts", "bell-outline"),
    Page("commands", "/commands", "cog-outline"),
    Page("orders", "/orders", "card-account-details-outline", Right.PEOPLE),
    Page("stock", "/stock", "package-variant-closed"),
    Page("bins", "/bins", "archive-outline"),
    Page("deadlines", "/deadlines", "calendar-clock", Right.PEOPLE),
    Page("requests", "/requests", "lock-alert-outline"),
    Page("updates", "/updates", "update"),
    Page("settings", "/settings", "wrench-outline", Right.MANAGE),
    Page("new-stations", "/new-stations", "chip", Right.COMMAND),
    Page("proposals", "/proposals", "account-check-outline"),
    Page("audit", "/audit", "shield-key-outline", Right.AUDIT),
    Page("administrators", "/administrators", "badge-account-horizontal-outline", Right.PEOPLE),
    Page("users", "/users", "account-tie-outline", Right.MANAGE),
)
AT_THUMB = frozenset({"alerts", "worklist", "stations"})
"""Pages in the bar of a phone, beside the search and the rest."""
_MORE = "updates"
"""Where the second part of the menu begins."""


@dataclass(frozen=True, slots=True)
class Web:
    """Parts that every route needs, passed in once."""

    hub: Hub
    clock: Callable[[], datetime]
    texts: dict[str, Localization]
    templates: jinja2.Environment
    issuer: str = ""
    """What the region's own sign-in is called; empty: there is none."""
    counts: Callable[[Request], dict[str, int]] = lambda request: {}
    """How many commands wait for who asks, as a second person."""
    evidence: bool = False
    """Whether evidence files can be had."""

    def texts_for(self, request: Request) -> Localization:
        """The language of this request."""
        requested, kept = request.query_params.get("lang"), request.cookies.get("lang")
        return self.texts[choose(requested, kept, request.headers.get("accept-language"))]

    def render(
        self, request: Request, name: str, topics: Iterable[str] = (), *, status: int = 200, **context: object
    ) -> HTMLResponse:
        """The template as an answer. `topics` are those of the live feed that the page follows."""
        fragment = request.headers.get("hx-request") == "true"
        caller: Caller | None = getattr(request.state, "caller", None)
        body = self.templates.get_template(name).render(
            layout="pages/signed_out.html"
            if caller is None
            else "pages/fragment.html"
            if fragment
            else "pages/base.html",
            topics=" ".join(topics),
            still=request.method != "GET" or status >= 400,
            caller=caller,
            form_token=getattr(request.state, "form_token", ""),
            proves=self.evidence and caller is not None and caller.may(Right.AUDIT),
            more=_MORE,
            at_thumb=AT_THUMB,
            menu=[page for page in MENU if caller is not None and caller.may(page.right)],
            languages=LANGUAGES,
            themes=THEMES,
            theme=_theme(request),
            address=_address(request),
            counts=self.counts(request) if caller is not None and caller.may(Right.VIEW) else {},
            **{"seen": self.hub.latest, "now": self.clock(), "t": self.texts_for(request)} | context,
        )
        response = HTMLResponse(body, status, {"Vary": "HX-Request, Cookie, Accept-Language"})
        if not fragment:  # a page that refreshes itself must not undo what was chosen in another tab
            _keep_preferences(request, response)
        return response


@cache
def environment(assets: Assets) -> jinja2.Environment:
    """The templates of all rooms, each named `ROOM/NAME.html`, with what they may call."""
    jinja = jinja2.Environment(
        loader=jinja2.PrefixLoader(
            {folder.parent.name: jinja2.FileSystemLoader(folder) for folder in rooms.folders("templates")}
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.globals.update(static=assets.address, first_fonts=FIRST_FONTS)
    jinja.globals.update(labels=rooms.modules("labels"), parse_time=parse_time, with_query=with_query)
    jinja.filters["fours"] = in_fours
    jinja.filters["last_eight"] = last_eight
    return jinja


def in_fours(number: str | None) -> str:
    """A card number as it is printed on the card: in groups of four."""
    return " ".join((number or "")[index : index + 4] for index in range(0, len(number or ""), 4)) or "–"


def last_eight(number: str | None) -> str:
    """The last eight digits, where the whole number is not needed."""
    return "…" + in_fours(number[-8:]) if number else "–"


def with_query(address: str, **values: str) -> str:
    """The address with these values added."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(values)}"


def paging(page: int, total: int, address: str, **filters: str) -> dict[str, object]:
    """Pager of a list, for its template: which page, of how many, and the address with the list's filter."""
    return {"at": page, "pages": pages_of(total), "path": with_query(address, **filters) + "&"}


def _theme(request: Request) -> str:
    theme = request.query_params.get("theme", request.cookies.get("theme", ""))
    return theme if theme in THEMES else "auto"


def _address(request: Request) -> Callable[..., str]:
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in _PREFERENCES]
    here = request.url.path + (f"?{urlencode(kept)}" if kept else "")
    return lambda **values: with_query(here, **values) if values else here


def _keep_preferences(request: Request, response: HTMLResponse) -> None:
    allowed = {"lang": tuple(LANGUAGES), "theme": THEMES}
    for name in _PREFERENCES:
        value = request.query_params.get(name)
        if value in allowed[name]:
            response.set_cookie(name, value, max_age=_YEAR_S, httponly=True, samesite="lax")
