"""Calls to the operating system."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

#: Exit codes from which the server learns why a worker gave up. `python-errors.ts` has the same.
LOST_CONNECTION = 70
OUT_OF_RESOURCES = 71
INTERNAL_ERROR = 72

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Makes the kernel end this process with its parent, even if this process is stuck (Linux)."""
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        # The C library has no prctl. The end of the pipe from the server still ends this process.
        pass


def end_group() -> None:
    """Ends this process and all processes in its group that its code has started."""
    try:
        os.killpg(os.getpgrp(), signal.SIGKILL)
    finally:
        os._exit(LOST_CONNECTION)


def give_up(code: int, reason: str) -> None:
    """Ends this process at once; code of the project cannot delay it."""
    try:
        os.write(2, ("mxcp: the worker ends: %s\n" % reason).encode("utf-8", "backslashreplace"))
    except OSError:
        # Standard error is gone; the exit code gives the reason too.
        pass
    os._exit(code)
