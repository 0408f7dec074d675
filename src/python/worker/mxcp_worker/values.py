"""Decodes the arguments of a function and encodes its result as JSON.

Results look like those of SQL endpoints: dates and times are ISO 8601, numbers that a double cannot hold are strings, NaN and
infinities are null, bytes are text if they are UTF-8 and base64 otherwise.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import re
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple

from .content import Content, content_of, is_content_type
from .plain_values import NotJson, iterate, to_plain
from .scalar_texts import well_formed

__all__ = ["decode_arguments", "encode_result"]


# Created once, because that takes as long as writing a small row. `to_plain` has already refused circular values.
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)


def decode_arguments(arguments: Dict[str, Any]) -> Dict[str, Any]:
    """Raises ValueError for a date or time that Python does not have."""
    return {name: _decode(value) for name, value in arguments.items()}


def encode_result(value: Any) -> Tuple[str, Iterator[str]]:
    """Returns 'list' with the JSON text of each item, created on demand, or 'value' with one text, or 'content' with blocks.

    The iterator raises TypeError for a value that cannot be JSON, with its path, and the errors of a generator of the project.
    """
    if is_content_type(type(value)):
        return "content", _blocks([value])
    if isinstance(value, (list, tuple)) and any(map(is_content_type, set(map(type, value)))):
        return "content", _blocks(value)
    items = iterate(value)
    if items is None:
        return "value", _texts(iter([value]), None)
    return "list", _texts(items, value)


def _texts(values: Iterator[Any], container: Any) -> Iterator[str]:
    for index, value in enumerate(values):
        try:
            yield _dump(value, container)
        except NotJson as problem:
            if container is not None:
                problem.keys.append(index)
            raise TypeError(str(problem)) from problem.__cause__


def _blocks(items: Sequence[Any]) -> Iterator[str]:
    """The content blocks of MCP: a string is text, any other value is its JSON, and None is nothing."""
    for index, item in enumerate(items):
        if item is None:
            continue
        try:
            yield well_formed(_WRITER.encode(_block(item)))
        except NotJson as problem:
            problem.keys.append(index)
            raise TypeError(str(problem)) from problem.__cause__


def _block(item: Any) -> Dict[str, Any]:
    content: Optional[Content] = content_of(item)
    if content is not None:
        return content.to_block()
    if isinstance(item, (bytes, bytearray, memoryview)):
        raise NotJson('is bytes without a MIME type: return mcp.Image(data, "image/png"), mcp.Audio or mcp.Resource')
    return {"type": "text", "text": item if isinstance(item, str) else _dump(item, None)}


def _dump(value: Any, container: Any) -> str:
    try:
        return well_formed(_WRITER.encode(to_plain(value, container)))
    except RecursionError:
        raise NotJson("is nested too deeply") from None


def _decode(value: Any) -> Any:
    if type(value) is dict:
        if "$" not in value:
            return {key: _decode(item) for key, item in value.items()}
        return _TAGS[value["$"]](value["v"])
    return [_decode(item) for item in value] if type(value) is list else value


_TIME = re.compile(r"(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?\s*([Zz]|[+-]\d{2}(?::?\d{2})?)?$")


def _time(text: str) -> datetime.time:
    """Python 3.10 and older cannot parse `Z` or fractions of any length."""
    match = _TIME.match(text)
    if match is None:
        raise ValueError(f'"{text}" is not a time')
    hour, minute, second, fraction, zone = match.groups()
    micros = int((fraction or "")[:6].ljust(6, "0"))
    return datetime.time(int(hour), int(minute), int(second or 0), micros, _zone(zone))


def _zone(text: Any) -> Any:
    if text is None:
        return None
    if text in ("Z", "z"):
        return datetime.timezone.utc
    minutes = int(text[1:3]) * 60 + int(text[3:].lstrip(":") or 0)
    return datetime.timezone(datetime.timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _timestamp(text: str) -> datetime.datetime:
    clock = text[10:].lstrip("Tt ")
    return datetime.datetime.combine(datetime.date.fromisoformat(text[:10]), _time(clock or "00:00"))


_TAGS = {
    "date": datetime.date.fromisoformat,
    "time": _time,
    "timestamp": _timestamp,
    "timestamptz": _timestamp,
    "int": int,
    "float": float,
    "decimal": decimal.Decimal,
    "bytes": base64.b64decode,
    "object": lambda entries: {key: _decode(item) for key, item in entries.items()},
}
