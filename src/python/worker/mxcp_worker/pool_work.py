"""Runs work that a call submits to a `ThreadPoolExecutor` on behalf of the caller.

The threads of a pool outlive the call that starts them, so the context of the call belongs to each piece of work instead.
"""

from __future__ import annotations

import contextvars
import functools
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable

from .job import current_job

#: Identifies a piece of work. Pieces run in parallel, so a piece never uses the transaction of its call or of another piece.
current_piece: contextvars.ContextVar[object | None] = contextvars.ContextVar("mxcp_piece", default=None)


def install() -> None:
    """Replaces `submit`. Call it before code of the project can get a reference to the original method."""
    submit = ThreadPoolExecutor.submit

    @functools.wraps(submit)
    def submit_for_caller(pool: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        if current_job.get() is None:
            return submit(pool, work, *args, **kwargs)
        context = contextvars.copy_context()
        context.run(current_piece.set, object())
        return submit(pool, context.run, work, *args, **kwargs)

    ThreadPoolExecutor.submit = submit_for_caller  # type: ignore[method-assign]
