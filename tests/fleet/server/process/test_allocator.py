"""Threads of a program that runs as the server does share one arena of the C library; of another program each has its own."""

import subprocess
import sys

PROGRAM = """
import asyncio, ctypes, re, sys, threading
from fleet.server.process.run import run

if sys.argv[1] == "a server":
    run(asyncio.sleep(0, 0))
library = ctypes.CDLL(None)
library.malloc.restype = library.tmpfile.restype = ctypes.c_void_p
met = threading.Barrier(4)

def take():
    met.wait()
    library.free(ctypes.c_void_p(library.malloc(5000)))
    met.wait()  # alive together: an arena of a thread that has ended is given to the next

threads = [threading.Thread(target=take) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = ctypes.c_void_p(library.tmpfile())
library.malloc_info(0, file)
library.rewind(file)
said = ctypes.create_string_buffer(1 << 20)
library.fread(said, 1, len(said), file)
print(len(re.findall(rb"<heap nr=", said.value)))
"""


def arenas(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_threads_of_a_server_share_one_arena() -> None:
    assert arenas("another program") > 1
    assert arenas("a server") == 1
