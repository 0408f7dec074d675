"""Threads for sync functions. The server bounds how many calls a worker gets; none of them ever waits for a thread."""

from __future__ import annotations

import queue
import sys
import threading
from typing import Callable

from . import process

_lock = threading.Lock()
_idle: list[queue.SimpleQueue] = []
#: Threads that end with the process only.
_lasting = {threading.main_thread().ident}


def run(work: Callable[[], None]) -> None:
    """Runs `work`, which must not raise, in a thread that is idle, the last used first, or in a new one."""
    with _lock:
        inbox = _idle.pop() if _idle else None
    if inbox is not None:
        inbox.put(work)
        return
    # `Thread` looks at it, and code of the project may have deleted it.
    vars(sys).setdefault("stderr", None)
    try:
        threading.Thread(target=_serve, args=(work,), name="mxcp-call", daemon=True).start()
    except (RuntimeError, MemoryError) as error:
        # Without threads this worker would refuse every call from now on; a new one starts afresh.
        process.give_up(process.OUT_OF_RESOURCES, "no thread can be started: %s" % error)


def is_lasting() -> bool:
    """Of the thread that runs, also when a forked process has just gone on with it."""
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
