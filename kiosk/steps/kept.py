"""A product whose PUK only gives the old code its tries back: the holder is told so, and proves the code that applies."""

from drivers.reader.outcomes import Role
from drivers.secret import Secret
from kiosk.ports import Ask, Visit
from kiosk.steps import kept_views as views
from kiosk.steps import own_card_views
from kiosk.steps.card import prove_code
from kiosk.steps.context import Scene


async def old_code(ask: Ask, scene: Scene, visit: Visit, role: Role) -> Secret:
    """The code that the card had before, proved. Raises StopError where it is forgotten, and as `prove_code`."""
    if await ask(views.old_code_applies(scene)) == "forgotten":
        raise views.forgotten(scene)
    return await prove_code(ask, visit, role, own_card_views.code(scene, visit.facts, role))
