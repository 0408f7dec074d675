"""What the worker makes of values. JSON in, JSON out."""

import collections
import dataclasses
import datetime as dt
import enum
import ipaddress
import json
import pathlib
import sys
import types
import typing
import uuid
from decimal import Decimal

from mxcp_worker.rows import decode_rows, encode_parameters
from mxcp_worker.values import decode_arguments, encode_result


class Color(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Size(enum.IntEnum):
    SMALL = 3


class Tone(str, enum.Enum):
    HIGH = "high"


class Text(str):
    pass


class Model:
    """Looks like a model of pydantic."""

    def __init__(self, **fields):
        self.fields = fields

    def model_dump(self):
        return self.fields


class OldModel:
    """Looks like a model of pydantic 1."""

    __fields__ = ("a",)

    def dict(self):
        return {"a": 1}


class Attributes:
    """Looks like a class of attrs."""

    __attrs_attrs__ = (types.SimpleNamespace(name="a"), types.SimpleNamespace(name="b"))
    a = 1
    b = dt.date(2024, 1, 2)


@dataclasses.dataclass
class Order:
    id: int
    next: object = None
    lines: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Slotted:
    __slots__ = ("a",)
    a: int


class Point(typing.NamedTuple):
    x: int
    y: object


def own_loop():
    order = Order(1)
    order.next = [{"back": order}]
    return order


def circle():
    items = [1]
    items.append({"again": items})
    return items


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def failing():
    yield 1
    raise LookupError("no more")


def show(value):
    """Type and value, down to what is inside."""
    if type(value) is list:
        return f"[{', '.join(map(show, value))}]"
    if type(value) is dict:
        return f"{{{', '.join(show(key) + ': ' + show(item) for key, item in value.items())}}}"
    if isinstance(value, (dt.datetime, dt.time)) and value.tzinfo is not None:
        return f"{type(value).__name__}({value.isoformat()})"
    return f"{type(value).__name__}({value!r})"


def attempt(work):
    try:
        return work()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def result(value):
    shape, texts = encode_result(value)
    return {"shape": shape, "texts": list(texts)}


OPERATIONS = {
    "results": lambda items: [attempt(lambda: result(eval(item))) for item in items],
    "arguments": lambda items: [attempt(lambda: result(decode_arguments(item))) for item in items],
    "show-arguments": lambda items: [attempt(lambda: show(decode_arguments(item))) for item in items],
    "rows": lambda items: [attempt(lambda: result(decode_rows(item["columns"], item["rows"]))) for item in items],
    "encode": lambda items: [attempt(lambda: encode_parameters({"x": eval(item)})) for item in items],
    "encode-all": lambda items: [attempt(lambda: encode_parameters(eval(item))) for item in items],
    "show": lambda items: [show(eval(item)) for item in items],
    "show-rows": lambda items: [show(decode_rows(item["columns"], item["rows"])[0]["v"]) for item in items],
}

request = json.load(sys.stdin)
json.dump(OPERATIONS[request["do"]](request["items"]), sys.stdout)
