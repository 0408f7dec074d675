"""Turns rows of a query into the Python objects that DuckDB's own Python package returns.

Each column has a descriptor of its type: a name, or a list of a name and the types inside. `duckdb/values` in the server
writes what this module reads.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import functools
import uuid
import zoneinfo
from typing import Any, Callable, List, Optional

from .parameters import encode_parameters

__all__ = ["decode_rows", "encode_parameters"]

Decoder = Callable[[Any], Any]

_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_EPOCH_ORDINAL = _EPOCH.toordinal()
# Like DuckDB's Python package: infinite dates become the last and the first date, without a zone.
_INFINITE_DATES = {"infinity": datetime.date.max, "-infinity": datetime.date.min}
_INFINITE_TIMES = {"infinity": datetime.datetime.max, "-infinity": datetime.datetime.min}


def decode_rows(columns: List[dict], rows: List[list]) -> List[dict]:
    """Returns a dict for each row. Raises OverflowError for an INTERVAL that a timedelta cannot hold."""
    names = [column["name"] for column in columns]
    decoders = [(index, _decoder(column["type"])) for index, column in enumerate(columns)]
    needed = [(index, decode) for index, decode in decoders if decode is not None]
    for row in rows:
        for index, decode in needed:
            value = row[index]
            if value is not None:
                row[index] = decode(value)
    return [dict(zip(names, row)) for row in rows]


def _decoder(descriptor: Any) -> Optional[Decoder]:
    """The decoder of a type; None if the JSON value needs no decoding."""
    if isinstance(descriptor, str):
        return _SCALARS[descriptor]
    return _COMPOSITES[descriptor[0]](*descriptor[1:])


def _decode(decode: Optional[Decoder], value: Any) -> Any:
    return value if decode is None or value is None else decode(value)


def _decimal(text: str) -> decimal.Decimal:
    # Independent of the decimal context: code that lowers its precision must not round values from the database.
    return decimal.Decimal(text)


def _date(value: Any) -> Any:
    if type(value) is int:
        return datetime.date.fromordinal(_EPOCH_ORDINAL + value)
    return _INFINITE_DATES.get(value, value)


def _time(value: Any) -> Any:
    return _clock(value, None) if type(value) is int else value


def _time_with_zone(value: Any) -> Any:
    if type(value) is str:
        return value
    micros, offset = value
    return _clock(micros, datetime.timezone(datetime.timedelta(seconds=offset)))


def _clock(micros: int, zone: Optional[datetime.tzinfo]) -> datetime.time:
    seconds, micros = divmod(micros, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return datetime.time(hour, minute, second, micros, zone)


def _timestamp(value: Any) -> Any:
    if type(value) is int:
        return _EPOCH + datetime.timedelta(microseconds=value)
    if value[0] == "#":
        return _EPOCH + datetime.timedelta(microseconds=int(value[1:]))
    return _INFINITE_TIMES.get(value, value)


def _timestamp_with_zone(name: str) -> Decoder:
    zone = _find_zone(name)

    def decode(value: Any) -> Any:
        if type(value) is not int:
            if value[0] != "#":
                return _INFINITE_TIMES.get(value, value)
            value = int(value[1:])
        moment = _EPOCH_UTC + datetime.timedelta(microseconds=value)
        if zone is None:
            return moment
        try:
            return moment.astimezone(zone)
        except OverflowError:
            # The first and last hours of the calendar do not exist in this zone: text, like years that Python does not have.
            text = str(moment.replace(tzinfo=None))
            return (text.rstrip("0") if "." in text else text) + "+00"

    return decode


@functools.lru_cache(maxsize=None)
def _find_zone(name: str) -> Optional[datetime.tzinfo]:
    """None for UTC and for zones that this machine does not know, whose values are given in UTC."""
    if name in ("UTC", "Etc/UTC", "GMT", "Etc/GMT"):
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _interval(value: list) -> datetime.timedelta:
    months, days, micros = value
    return datetime.timedelta(days=months * 30 + days, microseconds=int(micros))


def _list(item: Any) -> Optional[Decoder]:
    decode = _decoder(item)
    if decode is None:
        return None
    return lambda values: [None if value is None else decode(value) for value in values]


def _tuple(item: Any) -> Decoder:
    decode = _list(item)
    return tuple if decode is None else lambda values: tuple(decode(values))


def _row(items: list) -> Decoder:
    decoders = [_decoder(item) for item in items]
    return lambda values: tuple(map(_decode, decoders, values))


def _struct(names: List[str], items: list) -> Decoder:
    decoders = [_decoder(item) for item in items]
    if not any(decoders):
        return lambda values: dict(zip(names, values))
    return lambda values: dict(zip(names, map(_decode, decoders, values)))


def _map(key: Any, value: Any) -> Decoder:
    decode_key, decode_value = _decoder(key), _decoder(value)
    return lambda pairs: {_decode(decode_key, k): _decode(decode_value, v) for k, v in pairs}


def _lists_of_map(key: Any, value: Any) -> Decoder:
    """A map whose keys cannot be keys of a dict."""
    decode_key, decode_value = _decoder(key), _decoder(value)
    return lambda pairs: {
        "key": [_decode(decode_key, k) for k, _ in pairs],
        "value": [_decode(decode_value, v) for _, v in pairs],
    }


def _union(members: list) -> Decoder:
    decoders = [_decoder(member) for member in members]
    return lambda tagged: _decode(decoders[tagged[0]], tagged[1])


def _variant(typed: list) -> Any:
    return _decode(_decoder(typed[0]), typed[1])


_SCALARS: "dict[str, Optional[Decoder]]" = {
    "json": None,
    "int": int,
    "float": float,
    "decimal": _decimal,
    "date": _date,
    "time": _time,
    "timetz": _time_with_zone,
    "timestamp": _timestamp,
    "interval": _interval,
    "uuid": uuid.UUID,
    "bytes": base64.b64decode,
    "variant": _variant,
}

_COMPOSITES: "dict[str, Callable[..., Optional[Decoder]]]" = {
    "timestamptz": _timestamp_with_zone,
    "list": _list,
    "tuple": _tuple,
    "row": _row,
    "struct": _struct,
    "map": _map,
    "lists-of-map": _lists_of_map,
    "union": _union,
}
