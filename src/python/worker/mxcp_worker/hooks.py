"""Functions that run when a generation begins to serve, and after its last call."""

from __future__ import annotations

import contextlib
import contextvars
import inspect
from typing import Any, Callable, Iterator

from .calls import in_thread
from .failures import ProjectFiles

Hook = Callable[[], Any]


#: Stands for the file whose top level runs.
_file: contextvars.ContextVar[object | None] = contextvars.ContextVar("mxcp_file", default=None)


class Hooks:
    """In the order in which they were registered, each with the file that did it."""

    def __init__(self) -> None:
        self._on_init: list[tuple[object | None, Hook]] = []
        self._on_shutdown: list[tuple[object | None, Hook]] = []

    def on_init(self, hook: Hook) -> None:
        self._on_init.append((_file.get(), hook))

    def on_shutdown(self, hook: Hook) -> None:
        self._on_shutdown.append((_file.get(), hook))

    @contextlib.contextmanager
    def of_file(self) -> Iterator[None]:
        """Hooks that a file registers are forgotten if it fails; those of files that it imports are theirs."""
        file = object()
        token = _file.set(file)
        try:
            yield
        except BaseException:
            for hooks in (self._on_init, self._on_shutdown):
                hooks[:] = [each for each in hooks if each[0] is not file]
            raise
        finally:
            _file.reset(token)

    async def run_init(self) -> None:
        """The first one that raises ends it: the server does not start on it."""
        for _, hook in self._on_init:
            await _run(hook)

    async def run_shutdown(self, files: ProjectFiles) -> list[dict[str, Any]]:
        """All of them, and tells what they raised."""
        failures = []
        for _, hook in self._on_shutdown:
            try:
                await _run(hook)
            except BaseException as error:  # noqa: BLE001
                failures.append(files.describe(error))
        return failures


async def _run(hook: Hook) -> None:
    outcome = hook() if inspect.iscoroutinefunction(hook) else await in_thread(hook)
    if inspect.isawaitable(outcome):
        await outcome
