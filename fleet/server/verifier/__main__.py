"""Entry point of the verifier as a child process: `python -m fleet.server.verifier KEYS_DIR COUNTERS_FILE`, over stdin and
stdout.

For demonstrations and tests; in service the verifier runs as another user (`kortkiosk-fleet verifier`). Started by the server,
it ends when its stdin ends. Paths are its only arguments: keys are read from files that no other process of the server opens.
Where several servers share a count, its address stands in the environment, and the file is not used. It prints one line, `ready`,
once it can answer.
"""

import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from fleet.hardening import forbid_dumps
from fleet.server.verifier.answering import reply
from fleet.server.verifier.attempt_counters import AttemptCounters, FileAttemptStore, TriesDamagedError
from fleet.server.verifier.judge import Judge, Keys, KeysError
from fleet.server.verifier.model import MAX_LINE_BYTES, READY, SHARED, TRIES_DAMAGED

_log = logging.getLogger("fleet.server.verifier")


def serve(
    questions: BinaryIO, answers: BinaryIO, judge: Judge, counters: AttemptCounters, clock: Callable[[], float]
) -> None:
    """Answer until the questions end."""
    answers.write(READY)
    answers.flush()
    while line := questions.readline(MAX_LINE_BYTES):
        answer = reply(line, judge, counters, clock())
        if answer is None:
            continue
        answers.write(answer)
        answers.flush()


def main(arguments: list[str]) -> int:
    """Exit codes: 0 the questions ended, 1 the counters cannot be written, 2 keys or arguments, 3 the counters are damaged."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    # The server ends its children itself, in order, also when a person presses Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forbid_dumps()  # of keys, and of the code that is being judged
    if len(arguments) != 2:
        _log.error("usage: python -m fleet.server.verifier KEYS_DIR COUNTERS_FILE")
        return 2
    try:
        judge = Judge(Keys.load(Path(arguments[0])))
    except KeysError as error:
        _log.error("%s", error)
        return 2
    return _serve_shared(judge) if SHARED in os.environ else _serve_alone(judge, Path(arguments[1]))


def _serve_alone(judge: Judge, path: Path) -> int:
    try:
        counters = AttemptCounters(FileAttemptStore(path))
        serve(sys.stdin.buffer, sys.stdout.buffer, judge, counters, time.time)
        counters.close()
    except TriesDamagedError as error:
        _log.error("%s", error)
        return TRIES_DAMAGED
    except (sqlite3.Error, OSError) as error:
        _log.error("%s: %s", path, error)
        return 1
    return 0


def _serve_shared(judge: Judge) -> int:
    from sqlalchemy import make_url  # a verifier that counts in a file loads none of this
    from sqlalchemy.exc import SQLAlchemyError

    from fleet.server.verifier.postgres_counters import PostgresAttemptStore

    try:
        counters = AttemptCounters(PostgresAttemptStore(make_url(os.environ.pop(SHARED))))
        serve(sys.stdin.buffer, sys.stdout.buffer, judge, counters, time.time)
        counters.close()
    except SQLAlchemyError as error:
        _log.error("tries cannot be counted: %s", type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
