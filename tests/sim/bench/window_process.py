"""The bench window in a process of its own, for tests: lines of JSON ask it what can be pressed and for a picture of itself.

{"do": "look"} -> {"targets": {"card:1:old": [210, 88], ...}, "said": "...", "texts": [...], "cut": [...]}
{"do": "picture", "path": "..."} -> {}
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from sim.bench.socket_client import BenchClient
from sim.bench.window import BenchWindow


def _picture(path: Path) -> None:
    from kivy.core.window import Window
    from kivy.graphics.opengl import GL_RGB, GL_UNSIGNED_BYTE, glReadPixels
    from PIL import Image

    Window.canvas.ask_update()
    Window.dispatch("on_draw")
    pixels = glReadPixels(0, 0, *Window.size, GL_RGB, GL_UNSIGNED_BYTE)
    Image.frombytes("RGB", Window.size, pixels).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(path)


async def _next_frame() -> None:
    from kivy.clock import Clock

    drawn = asyncio.get_running_loop().create_future()
    Clock.schedule_once(lambda _: drawn.set_result(None))
    await drawn


async def _laid_out(window: BenchWindow) -> dict[str, tuple[int, int]]:
    """What can be pressed, once it stays where it is from one frame to the next."""
    targets: dict[str, tuple[int, int]] = {}
    while (now := window.board.targets()) != targets:
        targets = now
        await _next_frame()
    return targets


async def _do(window: BenchWindow, command: dict[str, Any]) -> dict[str, Any]:
    if command["do"] == "picture":
        _picture(Path(command["path"]))
        return {}
    targets = await _laid_out(window)
    labels = [widget for widget in window.board.walk() if hasattr(widget, "is_shortened")]
    return {
        "targets": targets,
        "said": window.board.said(),
        "texts": [label.text for label in labels],
        "cut": [label.text for label in labels if label.is_shortened],
    }


async def serve(socket: str, power: str) -> None:
    """Answer until the line is closed."""
    window = BenchWindow(BenchClient(Path(socket)), BenchClient(Path(power)))
    drawing = asyncio.create_task(window.run())
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        sys.stdout.write(json.dumps(await _do(window, json.loads(line))) + "\n")
        sys.stdout.flush()
    window.close()
    await drawing


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
