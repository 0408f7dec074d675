"""Describes errors of project code by the file and line of the project."""

from __future__ import annotations

import builtins
import os
import traceback
from types import TracebackType
from typing import Any, List, Union

from .scalar_texts import well_formed

#: A text, or its beginning, how many characters were left out, and its end. The server, which knows the secrets, joins them.
Text = Union[str, List[Any]]

_MAX_MESSAGE = 2000
_MAX_TRACEBACK = 16_000

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


class ToolError(Exception):
    """Ends a call with a text for its client, which sees nothing else."""


class NotFound(ToolError):
    """There is nothing for the arguments of the call."""


class Unsupported(ToolError):
    """The client of the call cannot be asked for this."""

    def __init__(self, kind: str) -> None:
        super().__init__("the client of this call cannot be asked (%s)" % kind)
        self.kind = kind


class DatabaseError(Exception):
    """A statement failed. The text is the error of DuckDB."""


#: Groups came with Python 3.11.
_GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())


class ProjectFiles:
    """Knows which files belong to the project, and how messages name them."""

    def __init__(self, root: str, is_source: Any) -> None:
        self._root = root
        self._is_source = is_source

    def relative(self, path: str) -> str:
        inside = path.startswith(self._root + os.sep)
        return os.path.relpath(path, self._root) if inside else path

    def describe(self, error: BaseException) -> dict[str, Any]:
        """The place is the deepest frame within the project; that of a syntax error is its own position."""
        trace = _format(error)
        while isinstance(error, _GROUP) and len(error.exceptions) == 1:
            # The error of a single task, as `asyncio.TaskGroup` raises it.
            error = error.exceptions[0]
        place = self._place_of_syntax_error(error) or self._deepest_place(error.__traceback__)
        text = _text(error)
        described = {"type": _type_name(error), "message": _bounded(text, _MAX_MESSAGE), **place}
        described["traceback"] = _bounded(trace, _MAX_TRACEBACK)
        described["code"] = _code_of(error)
        if isinstance(error, Unsupported):
            described["unsupported"] = error.kind
        described["clientMessage"] = _bounded(self._client_message(error, text), _MAX_MESSAGE)
        return described

    def _client_message(self, error: BaseException, text: str) -> str:
        """What a client reads: neither the class nor a path of this machine."""
        if isinstance(error, ToolError):
            return text or ("not found" if isinstance(error, NotFound) else "the call failed")
        if isinstance(error, DatabaseError):
            return text
        if isinstance(error, KeyError):
            text = "there is no key %s" % text
        if isinstance(error, ImportError):
            # `… (/path/of/the/module.py)`
            text = text.partition(" (")[0]
        text = " ".join(text.split()).replace(self._root + os.sep, "")
        return "the Python code failed: %s" % text if text else "the Python code failed"

    def _place_of_syntax_error(self, error: BaseException) -> dict[str, Any] | None:
        if not isinstance(error, SyntaxError) or not isinstance(error.filename, str):
            return None
        if not self._is_source(error.filename):
            return None
        # Code of the project may raise a syntax error with anything for a line.
        line = error.lineno if type(error.lineno) is int else None
        return {"file": self.relative(error.filename), "line": line}

    def _deepest_place(self, trace: TracebackType | None) -> dict[str, Any]:
        place: dict[str, Any] = {}
        while trace is not None:
            code = trace.tb_frame.f_code
            if self._is_source(code.co_filename):
                file = self.relative(code.co_filename)
                place = {"file": file, "line": trace.tb_lineno, "function": code.co_name}
            trace = trace.tb_next
        return place


def _code_of(error: BaseException) -> str:
    if isinstance(error, NotFound):
        return "not_found"
    if isinstance(error, Unsupported):
        return "confirmation_unsupported"
    return "tool_error" if isinstance(error, ToolError) else "python_failed"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    module = kind.__module__
    hidden = not isinstance(module, str) or module in ("builtins", "__main__") or module.startswith("mxcp")
    return kind.__qualname__ if hidden else "%s.%s" % (module, kind.__qualname__)


def _text(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return str(error.msg)
    try:
        return str(error)
    except BaseException as second:  # noqa: BLE001
        return "str() of the error raised %s" % type(second).__name__


def _format(error: BaseException) -> str:
    """The traceback without the frames of this package above those of the project."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        trace = trace.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, trace or error.__traceback__))
    except BaseException as second:  # noqa: BLE001
        return "formatting the traceback raised %s" % type(second).__name__


def prefixed(prefix: str, text: Text) -> Text:
    return prefix + text if isinstance(text, str) else [prefix + text[0], *text[1:]]


def _bounded(text: str, limit: int) -> Text:
    text = well_formed(text)
    if len(text) <= limit:
        return text
    half = limit // 2
    return [text[:half], len(text) - limit, text[-half:]]
