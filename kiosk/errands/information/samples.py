"""Samples of the region's information: every page that ships."""

from collections.abc import Iterator
from typing import Any

from kiosk.errands.information import views
from kiosk.errands.information.journey import CONTEXT
from kiosk.region import SHIPPED, load
from kiosk.views import View


def samples() -> Iterator[tuple[str, View[Any]]]:
    for path in sorted(SHIPPED.glob("*.toml")):
        region = load(path)
        yield f"information-{path.stem}", views.pages(CONTEXT, region.pages)
        for page in region.pages:
            yield f"information-{path.stem}-{page.id}", views.page(CONTEXT, page)
