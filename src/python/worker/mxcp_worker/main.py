"""Prepares the process, before any code of the user's is loaded."""

from __future__ import annotations

import faulthandler
import logging
import sys

from . import pool_work, process, thread_starts
from .channel import Channel
from .worker import serve


def main() -> None:
    process.die_with_parent()
    thread_starts.install()
    pool_work.install()
    channel = Channel()
    for stream in (sys.stdout, sys.stderr):
        # Each line reaches the log when it is printed, whatever the locale and whatever is in it.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    # A crash in native code names the line of Python that led to it.
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # Loaded from here, before folders of the project come first in the path.
    import mxcp.runtime  # noqa: F401
    import mxcp.sdk.auth.context  # noqa: F401

    serve(channel)
