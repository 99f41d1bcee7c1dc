"""Samples of the region's information: every page that ships."""

from collections.abc import Iterator
from typing import Any

from kiosk.errands.information import views
from kiosk.errands.information.journey import CONTEXT
from kiosk.region import SHIPPED, region_of
from kiosk.steps.information_page import information_page
from kiosk.views import View


def samples() -> Iterator[tuple[str, View[Any]]]:
    for path in sorted(SHIPPED.glob("*.toml")):
        pages = tuple(region_of(path.name, SHIPPED).shown_pages)
        yield f"information-{path.stem}", views.pages(CONTEXT, pages)
        for page in pages:
            yield f"information-{path.stem}-{page.id}", information_page(CONTEXT, page)
