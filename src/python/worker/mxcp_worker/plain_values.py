"""Converts the result of a function to dicts, lists, strings, numbers, booleans and None."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import ipaddress
import json
import math
import pathlib
import uuid
from typing import Any, Callable, Dict, Iterator, List, Optional, Set

from .content import explain_misplaced
from .foreign import fields_of, is_missing, items_of, package_of, records_of, to_python
from .scalar_texts import bytes_text, datetime_text, decimal_value, duration_text, numpy_time_text, time_text

_SAFE_INTEGER = 2**53 - 1

# The methods that return the fields of a pydantic model and of a named tuple.
_DUMPS = ("model_dump", "_asdict")

_AS_IT_IS = frozenset({str, bool, type(None)})

# Ids of the containers around a value, to find one that contains itself.
Above = Set[int]
Converter = Callable[[Any, Above], Any]


class NotJson(TypeError):
    """A value cannot be JSON. The containers around it add its path, from the inside out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.keys: List[Any] = []

    def __str__(self) -> str:
        path = "".join(_step(key) for key in reversed(self.keys[-20:]))
        return f"the result cannot be converted to JSON: result{path} {self.reason}"


def to_plain(value: Any, container: Any = None) -> Any:
    """`container` is the list that the value is an item of. Raises NotJson."""
    return _convert(value, {id(container)})


def iterate(value: Any) -> Optional[Iterator[Any]]:
    """The items of a value that becomes a list; None for any other value."""
    kind = type(value)
    if kind in (list, tuple):
        return iter(value)
    if _is_root_model(kind):
        return iterate(value.root)
    if kind in (str, dict, int, float, bool) or value is None or _is_record(value):
        return None
    if package_of(kind) is not None and not isinstance(value, collections.abc.Iterator):
        if fields_of(value) is not None:
            return None
        return records_of(value, _to_name) or items_of(value)
    if isinstance(value, (set, frozenset, collections.abc.Set)):
        return iter(_sorted(value))
    if isinstance(value, (str, bytes, bytearray, memoryview, collections.UserString)):
        return None
    if isinstance(value, (collections.abc.Iterator, collections.abc.Sequence, collections.abc.MappingView)):
        return iter(value)
    return None


def _convert(value: Any, above: Above) -> Any:
    convert = _CONVERTERS.get(type(value))
    if convert is None:
        convert = _CONVERTERS[type(value)] = _find_converter(value)
    return convert(value, above)


def _find_converter(value: Any) -> Converter:
    if isinstance(value, enum.Enum):
        return lambda member, above: _convert(member.value, above)
    if package_of(type(value)) is not None:
        return _convert_foreign
    if _is_root_model(type(value)):
        return lambda model, above: _convert(model.root, above)
    for kinds, convert in _KINDS:
        if isinstance(value, kinds):
            return convert
    if _is_record(value):
        return lambda record, above: _convert_dict(_fields_of(record), above, record)
    return _convert_items


def _convert_integer(value: int, _above: Above) -> Any:
    return int(value) if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else str(int(value))


def _convert_float(value: float, _above: Above) -> Any:
    if not math.isfinite(value):
        return None
    # As in JavaScript: 1, not 1.0.
    return int(value) if value.is_integer() and abs(value) <= _SAFE_INTEGER else float(value)


def _convert_dict(entries: Any, above: Above, container: Any = None) -> Dict[str, Any]:
    identity = id(entries if container is None else container)
    if identity in above:
        raise NotJson("contains itself")
    above.add(identity)
    plain: Dict[str, Any] = {}
    for key, item in entries.items():
        try:
            name = key if type(key) is str else _to_name(key)
            plain[name] = item if type(item) in _AS_IT_IS else _convert(item, above)
        except NotJson as problem:
            problem.keys.append(key)
            raise
    if len(plain) < len(entries):
        raise NotJson(_explain_equal_keys(entries))
    above.discard(identity)
    return plain


def _to_name(key: Any) -> str:
    plain = _convert(key, set())
    if plain is None and key is not None:
        # As DuckDB writes such keys of a MAP: `nan`, `inf`, `-inf`.
        return str(key)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _explain_equal_keys(entries: Any) -> str:
    seen: Dict[str, Any] = {}
    for key in entries:
        name = _to_name(key)
        if name in seen:
            return f"has two keys that are {json.dumps(name)} in JSON: {seen[name]!r} and {key!r}"
        seen[name] = key
    return "has two keys that are equal in JSON"


def _convert_items(value: Any, above: Above) -> List[Any]:
    items = iterate(value)
    if items is None:
        raise NotJson(
            explain_misplaced(type(value))
            or f'is of type "{type(value).__qualname__}"; return dicts, lists, strings, numbers, booleans, None, dates and '
            "times, bytes, dataclasses, models with model_dump() or content such as mcp.Image"
        )
    if id(value) in above:
        raise NotJson("contains itself")
    above.add(id(value))
    plain: List[Any] = []
    for item in items:
        try:
            plain.append(item if type(item) in _AS_IT_IS else _convert(item, above))
        except NotJson as problem:
            problem.keys.append(len(plain))
            raise
    above.discard(id(value))
    return plain


def _convert_foreign(value: Any, above: Above) -> Any:
    if is_missing(value):
        return None
    text = numpy_time_text(value)
    if text is not None:
        return text
    if getattr(value, "nanosecond", 0):
        return datetime_text(value)
    fields = fields_of(value)
    if fields is not None:
        return _convert_dict(fields, above, value)
    python = to_python(value) if iterate(value) is None else value
    if type(python) is not type(value):
        return _convert(python, above)
    if type(value).__name__ in ("Period", "Interval"):
        return str(value)
    for kinds, convert in _KINDS:
        if isinstance(value, kinds):
            return convert(value, above)
    return _convert_items(value, above)


def _is_record(value: Any) -> bool:
    kind = type(value)
    return (
        dataclasses.is_dataclass(kind)
        or hasattr(kind, "__attrs_attrs__")
        or any(callable(getattr(kind, dump, None)) for dump in _DUMPS)
        # Models of pydantic 1.
        or (hasattr(kind, "__fields__") and callable(getattr(kind, "dict", None)))
    )


def _is_root_model(kind: type) -> bool:
    """Whether a model of pydantic is one value without a name."""
    return getattr(kind, "__pydantic_root_model__", False) is True


def _fields_of(value: Any) -> Any:
    """The fields of a record of any kind, by name."""
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(kind, "__attrs_attrs__"):
        return {field.name: getattr(value, field.name) for field in kind.__attrs_attrs__}
    dump = next((name for name in _DUMPS if hasattr(kind, name)), "dict")
    return getattr(value, dump)()


def _sorted(values: Any) -> List[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=lambda value: (type(value).__qualname__, str(value)))


def _step(key: Any) -> str:
    if isinstance(key, str) and key.isidentifier():
        return f".{key}"
    return f"[{key!r}]"


# In this order, because a bool is an int and a datetime is a date.
_KINDS: "tuple[tuple[Any, Converter], ...]" = (
    (bool, lambda value, _above: bool(value)),
    (str, lambda value, _above: str.__str__(value)),
    (collections.UserString, lambda value, _above: str(value)),
    (int, _convert_integer),
    (float, _convert_float),
    (decimal.Decimal, lambda value, _above: decimal_value(value)),
    (datetime.datetime, lambda value, _above: datetime_text(value)),
    (datetime.date, lambda value, _above: value.isoformat()),
    (datetime.time, lambda value, _above: time_text(value)),
    (datetime.timedelta, lambda value, _above: duration_text(value)),
    ((bytes, bytearray, memoryview), lambda value, _above: bytes_text(bytes(value))),
    ((uuid.UUID, pathlib.PurePath), lambda value, _above: str(value)),
    ((ipaddress.IPv4Address, ipaddress.IPv6Address), lambda value, _above: str(value)),
    (collections.abc.Mapping, _convert_dict),
)

# Grows by one entry for each type that a project returns.
_CONVERTERS: Dict[type, Converter] = {
    type(None): lambda value, _above: value,
    str: lambda value, _above: value,
    bool: lambda value, _above: value,
    int: _convert_integer,
    float: _convert_float,
    dict: _convert_dict,
    list: _convert_items,
    tuple: _convert_items,
}
