"""Threads for sync functions. The server limits the calls of a worker, so a call never waits for a thread."""

from __future__ import annotations

import queue
import sys
import threading
from typing import Callable

from . import process

_lock = threading.Lock()
_idle: list[queue.SimpleQueue] = []
#: Threads that live as long as the process.
_lasting = {threading.main_thread().ident}


def run(work: Callable[[], None]) -> None:
    """Runs `work`, which must not raise, in the most recently used idle thread, or in a new one."""
    with _lock:
        inbox = _idle.pop() if _idle else None
    if inbox is not None:
        inbox.put(work)
        return
    # `Thread` reads `sys.stderr`, which code of the project may have deleted.
    vars(sys).setdefault("stderr", None)
    try:
        threading.Thread(target=_serve, args=(work,), name="mxcp-call", daemon=True).start()
    except (RuntimeError, MemoryError) as error:
        # Without threads this worker could run no more calls; a new worker replaces it.
        process.give_up(process.OUT_OF_RESOURCES, "no thread can be started: %s" % error)


def is_lasting() -> bool:
    """Whether the current thread lives as long as the process, also in a child that was just forked from it."""
    return threading.get_ident() in _lasting


def _serve(work: Callable[[], None]) -> None:
    _lasting.add(threading.get_ident())
    inbox: queue.SimpleQueue = queue.SimpleQueue()
    while True:
        work()
        # The closure of a call must not keep its values alive until the next call.
        del work
        with _lock:
            _idle.append(inbox)
        work = inbox.get()
