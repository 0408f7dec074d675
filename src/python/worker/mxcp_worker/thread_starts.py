"""Protects thread starts in code that can be interrupted.

Before Python 3.12, a new thread has the number of its starter until it runs. An interrupt for the starter can then reach the
new thread, which ends before it begins, while the starter waits for it forever. So no thread is interrupted until the thread
that it starts has begun.
"""

from __future__ import annotations

import _thread
import sys
import threading
from typing import Any, Callable

from .job import current_job

_start_native = _thread.start_new_thread


def install() -> None:
    """Replaces the functions. Call it before code of the project can get a reference to the original ones."""
    if sys.version_info >= (3, 12):
        return
    for module, name in ((_thread, "start_new_thread"), (_thread, "start_new"), (threading, "_start_new_thread")):
        setattr(module, name, _start)


def _start(function: Callable[..., Any], args: tuple, *kwargs: dict[str, Any]) -> int:
    job = current_job.get()
    if job is None or not callable(function) or not isinstance(args, tuple):
        return _start_native(function, args, *kwargs)
    has_begun = _thread.allocate_lock()
    has_begun.acquire()
    with job.shield():
        number = _start_native(_run, (has_begun, function, args, *kwargs))
        has_begun.acquire()
    return number


def _run(has_begun: Any, function: Callable[..., Any], args: tuple, kwargs: dict[str, Any] | None = None) -> None:
    has_begun.release()
    function(*args, **(kwargs or {}))
