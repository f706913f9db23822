"""Says what a process keeps in memory, when it gets SIGPROF: in memory.PID.txt, in the temporary folder.

What it lists is what the garbage collector knows and what that refers to, by type. Where the memory came from is added
if Python runs with PYTHONTRACEMALLOC=1, which makes it about half as fast.
"""
import gc
import os
import signal
import sys
import tempfile
import tracemalloc
from collections import Counter


def on_signal(signum=signal.SIGPROF):
    """Call it in the main thread. The handler runs there too, between two steps of what the thread does.

    gunicorn's master uses USR1 and USR2 itself, and its workers forget what was set before the fork for these."""
    signal.signal(signum, lambda *_: write(os.path.join(tempfile.gettempdir(), f"memory.{os.getpid()}.txt")))


def write(path):
    with open(path, "x") as out:  # a file or link that is there already may be another user's
        count, size, seen = Counter(), Counter(), set()
        for holder in gc.get_objects():
            for thing in [holder, *gc.get_referents(holder)]:  # bytes and numbers are known only to what holds them
                if id(thing) not in seen:
                    seen.add(id(thing))
                    name = f"{type(thing).__module__}.{type(thing).__qualname__}"
                    count[name] += 1
                    size[name] += sys.getsizeof(thing, 0)
        for name, total in size.most_common(50):
            out.write(f"{total / 2**20:9.2f} MiB {count[name]:9d} {name}\n")
        if tracemalloc.is_tracing():
            for line in tracemalloc.take_snapshot().statistics("lineno")[:50]:
                out.write(f"{line}\n")
