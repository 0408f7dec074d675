"""What the worker asks of its operating system."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

#: Exit codes by which the server tells why a worker gave up. `worker-exit.ts` has the same.
LOST_CONNECTION = 70
OUT_OF_RESOURCES = 71
INTERNAL_ERROR = 72

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """The kernel ends this process when its parent ends, also when its own code never gets a turn again (Linux)."""
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        # A C library without prctl: the end of the server's pipe still ends this process.
        pass


def end_group() -> None:
    """Ends this process and all that its code has started and left in its group."""
    try:
        os.killpg(os.getpgrp(), signal.SIGKILL)
    finally:
        os._exit(LOST_CONNECTION)


def give_up(code: int, reason: str) -> None:
    """Ends this process at once; nothing that user code holds can delay it."""
    try:
        os.write(2, ("mxcp: the worker ends: %s\n" % reason).encode("utf-8", "backslashreplace"))
    except OSError:
        # Standard error is gone; the exit code says as much.
        pass
    os._exit(code)
