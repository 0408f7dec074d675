"""The server for Python endpoints: the database, the configuration, hooks, messages to the client, reloads."""

from __future__ import annotations

import contextlib
import copy
import itertools
import math
import warnings
from typing import Any, Awaitable, Callable, ContextManager, Dict, Generator, List, Optional, TypeVar

from mxcp_worker import content as _content
from mxcp_worker import worker as _worker
from mxcp_worker.failures import DatabaseError, NotFound, ToolError, Unsupported
from mxcp_worker.job import CallCancelled, current_job
from mxcp_worker.questions import QuestionAsked, Questions

__all__ = [
    "Answer",
    "CallCancelled",
    "DatabaseError",
    "NotFound",
    "QuestionAsked",
    "ToolError",
    "Unsupported",
    "add_execution_event",
    "begin_execution_event",
    "config",
    "db",
    "mcp",
    "on_init",
    "on_shutdown",
    "plugins",
    "reload_duckdb",
    "trace",
]

_Hook = TypeVar("_Hook", bound=Callable[[], Any])


class _Database:
    """The database of the server. Each call has its own connection until it ends."""

    def execute(self, query: str, params: Any = None) -> List[Dict[str, Any]]:
        """Runs statements and returns the rows of the last one. Raises DatabaseError. Blocks its thread, also in async code."""
        return _worker.present().database.execute(query, params)

    def transaction(self) -> ContextManager[None]:
        """`with db.transaction():` commits at the end of the block, and rolls back if it raises or the call is cancelled."""
        return _worker.present().database.transaction()


class _Config:
    """The configuration of the generation that runs the code, with all references resolved."""

    @property
    def site_config(self) -> Dict[str, Any]:
        """`mxcp-site.yml`."""
        return _worker.present().configuration["siteConfig"]

    @property
    def user_config(self) -> Dict[str, Any]:
        """The user configuration, with the active profile only."""
        return _worker.present().configuration["userConfig"]

    def get_secret(self, name: str) -> Optional[Dict[str, Any]]:
        """The parameters of a secret of the active profile; None if there is no such secret."""
        secret = _worker.present().configuration["secrets"].get(name)
        return copy.deepcopy(secret)

    def get_setting(self, key: str, default: Any = None) -> Any:
        """A value of `mxcp-site.yml` by its dotted path, such as `profiles.dev.duckdb.path`."""
        value: Any = self.site_config
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                return default
            value = value[part]
        return value


class _Plugins:
    """This version has no plugins. Every use raises instead of returning nothing."""

    def get(self, name: str) -> Any:
        raise NotImplementedError(
            "mxcp.runtime.plugins.get(%r): this version does not have plugins; import the code from python/ instead" % name
        )

    def list(self) -> List[str]:
        raise NotImplementedError("mxcp.runtime.plugins.list(): this version does not have plugins")


class Answer:
    """What a person did with a form: `action` is accept, decline or cancel; `content` has the values if it was accepted."""

    def __init__(self, action: str, content: Optional[Dict[str, Any]]) -> None:
        self.action = action
        self.content = content

    @property
    def accepted(self) -> bool:
        return self.action == "accept"

    def __repr__(self) -> str:
        return "Answer(action=%r)" % self.action


class _Client:
    """Content for the client, which functions return, messages to the client of the running call, and questions to it.

    Outside a call, and in forked processes, messages are dropped, but not what `resource_updated` says outside a call. A question ends the function: it runs again from its start when the
    client has answered, and the same question then returns the answer.
    """

    Text = _content.Text
    Image = _content.Image
    Audio = _content.Audio
    Link = _content.Link
    Resource = _content.Resource

    def supports(self, kind: str) -> bool:
        """Whether the client of this call can be asked: `elicitation`, `sampling` or `roots`."""
        return _questions().supports(kind)

    async def elicit(self, message: str, schema: Optional[Dict[str, Any]] = None, *, key: Optional[str] = None) -> Answer:
        """Asks a person to fill in a form. Without a schema, the form only asks for agreement."""
        return self.elicit_sync(message, schema, key=key)

    def elicit_sync(self, message: str, schema: Optional[Dict[str, Any]] = None, *, key: Optional[str] = None) -> Answer:
        """The same for functions that are not async."""
        return Answer(*_questions().elicit(message, schema, key))

    async def sample(
        self, messages: Any, *, max_tokens: int = 1000, key: Optional[str] = None, **options: Any
    ) -> str:
        """The text that the model of the client answers. `messages` is a text, or messages of MCP; `options` are further parameters of MCP."""
        if isinstance(messages, str):
            messages = [{"role": "user", "content": {"type": "text", "text": messages}}]
        params = {"messages": messages, "maxTokens": max_tokens, **options}
        content = _questions().ask("sampling", params, key)[1].get("content")
        blocks = content if isinstance(content, list) else [content]
        texts = [block["text"] for block in blocks if isinstance(block, dict) and isinstance(block.get("text"), str)]
        return "\n".join(texts)

    async def list_roots(self, *, key: Optional[str] = None) -> List[Dict[str, Any]]:
        """The folders that the client works on, each with `uri` and perhaps `name`."""
        roots = _questions().ask("roots", {}, key)[1].get("roots")
        return roots if isinstance(roots, list) else []

    def resource_updated(self, uri: str) -> Awaitable[None]:
        """Clients that subscribed to this resource learn that it has changed, once the call has succeeded.

        Does its work at once, also without `await`. Raises ValueError if there is no such resource.
        """
        worker = _worker.connected()
        found = worker.resources.find(uri)
        job = current_job.get()
        if job is None or not job.add_updated(*found):
            worker.updates.add(*found)
        return _DONE

    async def debug(self, message: str, data: Any = None) -> None:
        _notify({"kind": "log", "level": "debug", "message": str(message), "data": data})

    async def info(self, message: str, data: Any = None) -> None:
        _notify({"kind": "log", "level": "info", "message": str(message), "data": data})

    async def warning(self, message: str, data: Any = None) -> None:
        _notify({"kind": "log", "level": "warning", "message": str(message), "data": data})

    async def error(self, message: str, data: Any = None) -> None:
        _notify({"kind": "log", "level": "error", "message": str(message), "data": data})

    async def progress(self, progress: float, total: Optional[float] = None, message: Optional[str] = None) -> None:
        """Reports `progress` out of `total`, in any unit."""
        text = None if message is None else str(message)
        goal = None if total is None else _finite("total", total)
        _notify({"kind": "progress", "progress": _finite("progress", progress), "total": goal, "message": text})


class _Done:
    """May be awaited or not."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_DONE = _Done()


class _Trace:
    """The trace that the running call belongs to, in the form of W3C Trace Context. None outside a call and without a trace."""

    @property
    def traceparent(self) -> Optional[str]:
        """To be passed on as a header, or as a comment in SQL for another database."""
        return self.headers().get("traceparent")

    @property
    def trace_id(self) -> Optional[str]:
        """32 hexadecimal digits, as the log of the server has them."""
        return None if self.traceparent is None else self.traceparent.split("-")[1]

    def headers(self) -> Dict[str, str]:
        """`traceparent` and `tracestate`, for requests to other services; empty if there is no trace."""
        job = current_job.get()
        return dict(job.trace) if job is not None and job.trace is not None else {}


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("mcp.progress(): `%s` must be a finite number, not %r" % (name, value))
    return number


def _questions() -> Questions:
    job = current_job.get()
    if job is None or job.questions is None or job.has_ended or _worker.present().channel.is_forked:
        raise RuntimeError("the client can be asked only by the code of a call, while it runs")
    return job.questions


def _notify(notification: Dict[str, Any]) -> None:
    job = current_job.get()
    if job is not None and not job.has_ended and not _worker.present().channel.is_forked:
        job.notify(notification)


def on_init(hook: _Hook) -> _Hook:
    """Runs the function, sync or async, after the code is loaded and before the first call. An error refuses the start."""
    if _worker.is_present():
        _worker.present().hooks.on_init(hook)
    return hook


def on_shutdown(hook: _Hook) -> _Hook:
    """Runs the function, sync or async, after the last call. It has a few seconds."""
    if _worker.is_present():
        _worker.present().add_shutdown_hook(hook)
    return hook


_IGNORED_RELOAD = (
    "reload_duckdb() is ignored while files are imported and in hooks: "
    "each reload does both again, so reloads would never end"
)
_payload_numbers = itertools.count(1)


def reload_duckdb(payload_func: Optional[Callable[[], Any]] = None, description: Optional[str] = None) -> None:
    """Requests a reload and returns at once. `payload_func`, sync or async, runs while the database file is closed."""
    worker = _worker.connected()
    job = current_job.get()
    if worker.is_importing or (job is not None and job.is_hooks and not job.has_ended):
        warnings.warn(_IGNORED_RELOAD, RuntimeWarning, stacklevel=2)
        return
    payload = None
    if payload_func is not None:
        payload = next(_payload_numbers)
        worker.payloads[payload] = payload_func
    text = None if description is None else str(description)
    message = {"op": "reload", "payload": payload, "description": text}
    worker.send(message)


def begin_execution_event(*_: Any, **__: Any) -> ContextManager[None]:
    """Does nothing: records of the audit log have no events of the code."""
    return contextlib.nullcontext()


def add_execution_event(*_: Any, **__: Any) -> None:
    """Does nothing, like `begin_execution_event`."""


db = _Database()
config = _Config()
plugins = _Plugins()
mcp = _Client()
trace = _Trace()
