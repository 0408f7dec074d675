"""Prepares the process before any code of the project is loaded."""

from __future__ import annotations

import faulthandler
import logging

from . import output, pool_work, process, thread_starts
from .channel import Channel
from .worker import serve


def main() -> None:
    process.die_with_parent()
    thread_starts.install()
    pool_work.install()
    channel = Channel()
    output.install()
    # A crash in native code prints the line of Python that led to it.
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # Loaded now, because folders of the project will come first in the import path.
    import mxcp.runtime  # noqa: F401
    import mxcp.sdk.auth.capabilities  # noqa: F401
    import mxcp.sdk.auth.models  # noqa: F401
    import mxcp.sdk.executor  # noqa: F401

    serve(channel)
