"""What the referees' tests share: a card in the first virtual PC/SC reader, and other people's programs that look at it."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.reader.cards import VirtualCard
from sim.reader.vpcd import FIRST_PORT, plug
from sim.stories.patience import LIMIT_S

Tool = Callable[..., "subprocess.CompletedProcess[str]"]


@contextmanager
def in_reader(card: VirtualCard) -> Iterator[VirtualCard]:
    """The card is in the reader, and the service has seen it."""
    with plug(card, port=FIRST_PORT) as connection:
        assert not connection.ended.is_set()
        _watch("present")
        yield card
    _watch("empty")


def runner(folder: Path, more: str = "") -> Tool:
    """Run one tool, with OpenSC's file cache off; `more` goes into its configuration."""
    configuration = folder / "opensc.conf"
    configuration.write_text(f"app default {{ {more} framework pkcs15 {{ use_file_caching = no; }} }}\n")
    environment = {**os.environ, "OPENSC_CONF": str(configuration), "LC_ALL": "C"}

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    return run


def _watch(state: str) -> None:
    """The service looks at its readers now and then; a process of its own asks it, and waits."""
    script = f"""
        from smartcard.scard import *
        _, context = SCardEstablishContext(SCARD_SCOPE_USER)
        known, wanted = SCARD_STATE_UNAWARE, SCARD_STATE_{state.upper()}
        for _ in range(20):
            _, states = SCardGetStatusChange(context, 1000, [("Virtual PCD 00 00", known)])
            known = states[0][1]
            if known & wanted:
                raise SystemExit(0)
        raise SystemExit(1)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=LIMIT_S)
