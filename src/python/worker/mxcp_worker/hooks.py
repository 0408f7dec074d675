"""Functions that run before the first call of a generation and after its last one."""

from __future__ import annotations

import contextlib
import contextvars
import inspect
from typing import Any, Callable, Iterator

from .calls import in_thread
from .failures import ProjectFiles

Hook = Callable[[], Any]


#: Represents the file whose top level is running.
_file: contextvars.ContextVar[object | None] = contextvars.ContextVar("mxcp_file", default=None)


class Hooks:
    """All hooks in the order in which they were registered, each with the file that registered it."""

    def __init__(self) -> None:
        self._on_init: list[tuple[object | None, Hook]] = []
        self._on_shutdown: list[tuple[object | None, Hook]] = []

    def on_init(self, hook: Hook) -> None:
        self._on_init.append((_file.get(), hook))

    def on_shutdown(self, hook: Hook) -> None:
        self._on_shutdown.append((_file.get(), hook))

    @contextlib.contextmanager
    def of_file(self) -> Iterator[None]:
        """If the file fails, the hooks that it registered are removed; those of files that it imports stay."""
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
        """Runs the `on_init` hooks. The first error ends the run, and the server does not start."""
        for _, hook in self._on_init:
            await _run(hook)

    async def run_shutdown(self, files: ProjectFiles) -> list[dict[str, Any]]:
        """Runs all `on_shutdown` hooks and returns their errors."""
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
