"""Encodes the parameters of `db.execute` for the server.

A value that JSON does not have is sent as `{"$": kind, "v": …}`. Types are those that DuckDB's own Python package binds, and
also types that it cannot bind but that have only one meaning (numpy's scalars, enumerations).
"""

from __future__ import annotations

import base64
import collections.abc
import datetime
import decimal
import enum
import math
import uuid
from typing import Any, Dict, List, Tuple

from .foreign import to_python

_SAFE_INTEGER = 2**53 - 1
_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)


def encode_parameters(parameters: Any) -> Dict[str, Any]:
    """Uses the names of the SQL; the values of a list are named "1", "2", …. Raises TypeError, OverflowError."""
    if parameters is None:
        return {}
    if isinstance(parameters, collections.abc.Mapping):
        named = dict(_named_pairs(parameters, "the dict of parameters"))
    elif isinstance(parameters, collections.abc.Iterable) and not isinstance(parameters, (str, bytes, bytearray)):
        named = {str(index): value for index, value in enumerate(parameters, 1)}
    else:
        raise TypeError(
            f"the parameters of a query are a dict or a list, not {_describe(parameters)}: "
            'write db.execute("… WHERE id = $id", {"id": 1}) or db.execute("… WHERE id = ?", [1])'
        )
    return {name: _encode(value, f"parameter {name}") for name, value in named.items()}


def _encode(value: Any, where: str) -> Any:
    value = to_python(value)
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return _encode_integer(int(value), where)
    if isinstance(value, float):
        return _encode_float(float(value))
    for kind, encode in _SCALARS:
        if isinstance(value, kind):
            return encode(value)
    return _encode_container(value, where)


def _encode_container(value: Any, where: str) -> Any:
    try:
        if isinstance(value, (list, tuple)):
            return [_encode(item, f"{where}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, collections.abc.Mapping):
            return _encode_mapping(value, where)
    except RecursionError:
        raise TypeError(f"{where.partition('[')[0]} contains itself, or is nested too deeply") from None
    raise TypeError(f"{where} is {_describe(value)}, which no SQL type represents")


def _encode_mapping(value: collections.abc.Mapping, where: str) -> Any:
    if not value:
        return _tag("map", [])
    # The form in which DuckDB's Python package returns and takes a MAP whose keys cannot be keys of a dict.
    if list(value) == ["key", "value"] and all(isinstance(part, (list, tuple)) for part in value.values()):
        if len(value["key"]) == len(value["value"]):
            pairs = zip(value["key"], value["value"])
            return _tag("map", [[_encode(k, f"{where}.key"), _encode(v, f"{where}.value")] for k, v in pairs])
    # Pairs, because JavaScript would move names that are numbers to the front.
    return _tag("struct", [[key, _encode(item, f"{where}.{key}")] for key, item in _named_pairs(value, where)])


def _named_pairs(values: collections.abc.Mapping, where: str) -> List[Tuple[str, Any]]:
    """Keys become texts. Raises TypeError for two keys with the same text, one of whose values would be lost."""
    pairs = [(str(key), value) for key, value in values.items()]
    if len(pairs) > len({name for name, _ in pairs}):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise TypeError(f'{where} has two keys that are "{twice}" as text')
    return pairs


def _encode_integer(value: int, where: str) -> Any:
    if -_SAFE_INTEGER <= value <= _SAFE_INTEGER:
        return value
    if not -(2**127) <= value < 2**128:
        raise OverflowError(f"{where} is an integer of more than 128 bits, which no SQL type holds")
    return _tag("int", str(value))


def _encode_float(value: float) -> Any:
    # 1.0 would arrive as the integer 1, and JSON has no NaN.
    return _tag("float", repr(value)) if not math.isfinite(value) or value.is_integer() else value


def _encode_decimal(value: decimal.Decimal) -> Any:
    if not value.is_finite():
        return _tag("float", "nan" if value.is_nan() else "inf" if value > 0 else "-inf")
    exponent = value.as_tuple().exponent
    if abs(int(exponent)) > 400:
        return _tag("float", repr(float(value)))
    return _tag("decimal", format(value, "f"))


def _encode_datetime(value: datetime.datetime) -> Any:
    if value.utcoffset() is None:
        return _tag("timestamp", str((value.replace(tzinfo=None) - _EPOCH) // _MICROSECOND))
    return _tag("timestamptz", str((value - _EPOCH_UTC) // _MICROSECOND))


def _encode_time(value: datetime.time) -> Any:
    micros = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    offset = value.utcoffset()
    if offset is None:
        return _tag("time", micros)
    return _tag("timetz", [micros, round(offset.total_seconds())])


def _encode_timedelta(value: datetime.timedelta) -> Any:
    return _tag("interval", [value.days, value.seconds * 1_000_000 + value.microseconds])


def _encode_bytes(value: Any) -> Any:
    return _tag("bytes", base64.b64encode(bytes(value)).decode("ascii"))


def _tag(kind: str, value: Any) -> Dict[str, Any]:
    return {"$": kind, "v": value}


def _describe(value: Any) -> str:
    return f'of type "{type(value).__qualname__}"'


# datetime comes before date, because it is a subclass of it.
_SCALARS = (
    (decimal.Decimal, _encode_decimal),
    (datetime.datetime, _encode_datetime),
    (datetime.date, lambda value: _tag("date", value.toordinal() - _EPOCH.toordinal())),
    (datetime.time, _encode_time),
    (datetime.timedelta, _encode_timedelta),
    (uuid.UUID, lambda value: _tag("uuid", str(value))),
    ((bytes, bytearray, memoryview), _encode_bytes),
)
