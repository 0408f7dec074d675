"""Work that a call hands to a `ThreadPoolExecutor` is done in the name of its caller.

The threads of a pool outlive the call that starts them, so not they but each piece of work has the context of a call.
"""

from __future__ import annotations

import contextvars
import functools
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable

from .job import current_job

#: Identifies a piece of work. Pieces run at the same time, so none can be within the transaction of the call or of another.
current_piece: contextvars.ContextVar[object | None] = contextvars.ContextVar("mxcp_piece", default=None)


def install() -> None:
    """To be called before code of the project can take hold of the method that it replaces."""
    submit = ThreadPoolExecutor.submit

    @functools.wraps(submit)
    def submit_for_caller(pool: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        if current_job.get() is None:
            return submit(pool, work, *args, **kwargs)
        context = contextvars.copy_context()
        context.run(current_piece.set, object())
        return submit(pool, context.run, work, *args, **kwargs)

    ThreadPoolExecutor.submit = submit_for_caller  # type: ignore[method-assign]
