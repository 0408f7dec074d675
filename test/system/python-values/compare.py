"""Compares values on their way from and to the server with those of DuckDB's own Python package. JSON in, JSON out."""

import datetime as dt
import json
import sys
import uuid
import zoneinfo
from collections import namedtuple
from decimal import Decimal
from enum import Enum, IntEnum

import duckdb
import numpy as np
import pandas as pd
import pydantic

from mxcp_worker.rows import decode_rows, encode_parameters
from mxcp_worker.values import encode_result


class Text(str):
    pass


class Size(IntEnum):
    SMALL = 3


class Color(str, Enum):
    RED = "red"


Point = namedtuple("Point", "x y")


class Customer(pydantic.BaseModel):
    name: str
    since: dt.date
    balance: Decimal = Decimal("1.50")
    friends: "list[Customer]" = []


class Numbers(pydantic.RootModel):
    root: "list[int]"


MASS = pd.DataFrame({"species": ["A", "A", "B"], "g": [1, 3, 5]})
FRAME = pd.DataFrame(
    {
        "n": [1, 2],
        "x": [1.5, None],
        "t": pd.to_datetime(["2024-01-02 03:04:05.5", None]),
        "s": ["a", None],
        "c": pd.Categorical(["u", None]),
        "i": pd.array([1, None], dtype="Int64"),
        "o": [{"k": [1]}, None],
    },
    index=["first", "second"],
)


def show(value):
    """Type and value, down to what is inside; a time with its offset, from any zone library."""
    if isinstance(value, (dt.datetime, dt.time)) and value.tzinfo is not None:
        return f"{type(value).__name__}({value.isoformat()})"
    if type(value) in (list, tuple):
        return f"{type(value).__name__}[{', '.join(map(show, value))}]"
    if type(value) is dict:
        return f"dict{{{', '.join(show(key) + ': ' + show(item) for key, item in value.items())}}}"
    return f"{type(value).__name__}({value!r})"


def rows_of(connection, sql, parameters=None):
    cursor = connection.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


def attempt(work):
    try:
        return show(work())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def encode(request):
    """What the worker sends for each expression."""
    encoded = []
    for expression in request["expressions"]:
        try:
            encoded.append({"parameters": encode_parameters({"x": eval(expression)})})
        except Exception as error:
            encoded.append({"error": f"{type(error).__name__}: {error}"})
    return encoded


def compare(request):
    """Our rows beside theirs, of the same statement with the same parameters."""
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone='{request['timeZone']}'")
    return [
        {
            "of": query.get("expression", query["sql"]),
            "ours": attempt(lambda: decode_rows(query["columns"], query["rows"])),
            "theirs": attempt(lambda: rows_of(connection, query["sql"], parameters_of(query))),
        }
        for query in request["queries"]
    ]


def results(request):
    """The shape and the texts of what becomes of each expression as a result."""
    given = []
    for expression in request["expressions"]:
        try:
            shape, texts = encode_result(eval(expression))
            given.append([shape, *texts])
        except Exception as error:
            given.append([f"{type(error).__name__}: {error}"])
    return given


def parameters_of(query):
    return {"x": eval(query["expression"])} if "expression" in query else None


request = json.load(sys.stdin)
json.dump({"encode": encode, "compare": compare, "results": results}[request["do"]](request), sys.stdout)
