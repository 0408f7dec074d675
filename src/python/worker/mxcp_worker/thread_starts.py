"""Starts of threads by code that can be interrupted.

Before Python 3.12 a thread has the number of the one that starts it until it runs. An interrupt by that number can reach the new
one, which then ends before it begins, while the other waits for its begin for ever. So nobody is interrupted until
the thread that it starts has begun.
"""

from __future__ import annotations

import _thread
import sys
import threading
from typing import Any, Callable

from .job import current_job

_start_native = _thread.start_new_thread


def install() -> None:
    """To be called before code of the project can take hold of the functions that it replaces."""
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
