"""The schemas that a form of `mcp.elicit` may have, and the answers that fit them. The protocol has flat objects of simple values."""

from __future__ import annotations

import datetime
import math
import re
from typing import Any, Callable
from urllib.parse import urlsplit

_COMMON = {"type", "title", "description", "default"}
_KEYWORDS = {
    "string": {"minLength", "maxLength", "pattern", "format", "enum", "enumNames", "oneOf"},
    "number": {"minimum", "maximum"},
    "integer": {"minimum", "maximum"},
    "boolean": set(),
    "array": {"minItems", "maxItems", "items"},
}
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")


class UnfitAnswer(Exception):
    """The answer of the client does not fit the form."""


def to_schema(fields: Any) -> dict[str, Any]:
    """The schema of a form. A mapping of fields alone is an object that requires those without a default."""
    if fields is None:
        return {"type": "object", "properties": {}}
    if not isinstance(fields, dict):
        raise ValueError("the schema of mcp.elicit() must be a dict, not of type %r" % type(fields).__name__)
    if fields.get("type") == "object":
        schema = fields
    else:
        required = [name for name, field in fields.items() if not isinstance(field, dict) or "default" not in field]
        schema = {"type": "object", "properties": fields, "required": required}
    unknown = set(schema) - {"$schema", "type", "title", "description", "properties", "required"}
    if unknown:
        raise ValueError("the schema of a form cannot have %s" % _listed(unknown))
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        raise ValueError("`properties` of a form must be a dict")
    for name, field in properties.items():
        _check_field(name, field)
    required = schema.get("required", [])
    if not _is_texts(required):
        raise ValueError("`required` of a form must be a list of names")
    missing = [name for name in required if name not in properties]
    if missing:
        raise ValueError("`required` of a form names %s, which it does not have" % _listed(missing))
    return {**schema, "properties": {name: _with_item_type(field) for name, field in properties.items()}}


def _with_item_type(field: dict[str, Any]) -> dict[str, Any]:
    """Clients that check forms want the type of plain choices."""
    if field["type"] != "array" or "enum" not in field["items"]:
        return field
    return {**field, "items": {"type": "string", **field["items"]}}


def _check_field(name: Any, field: Any) -> None:
    if not isinstance(name, str) or not isinstance(field, dict):
        raise ValueError("the field %r of a form must be a dict like {'type': 'string'}" % (name,))
    kind = field.get("type")
    if not isinstance(kind, str) or kind not in _KEYWORDS:
        raise ValueError("the field %r must have a `type` of %s; forms have no nested objects" % (name, ", ".join(_KEYWORDS)))
    unknown = set(field) - _COMMON - _KEYWORDS[kind]
    if unknown:
        raise ValueError("the field %r of type %s cannot have %s" % (name, kind, _listed(unknown)))
    if "format" in field and field["format"] not in tuple(_FORMATS):
        raise ValueError("the field %r must have a `format` of %s" % (name, ", ".join(_FORMATS)))
    for keyword in ("title", "description"):
        if keyword in field and not isinstance(field[keyword], str):
            raise ValueError("`%s` of the field %r must be a text" % (keyword, name))
    for keyword in _COUNTS:
        if keyword in field and (type(field[keyword]) is not int or field[keyword] < 0):
            raise ValueError("`%s` of the field %r must be a whole number" % (keyword, name))
    for keyword in ("minimum", "maximum"):
        if keyword in field and _check_number(field[keyword], {"type": "number"}) is not None:
            raise ValueError("`%s` of the field %r must be a number" % (keyword, name))
    if "pattern" in field:
        try:
            re.compile(field["pattern"])
        except (TypeError, re.error) as error:
            raise ValueError("`pattern` of the field %r is no regular expression: %s" % (name, error)) from None
    _check_choices(name, field)
    if "default" in field:
        reason = _reason_against(field["default"], field)
        if reason is not None:
            raise ValueError("the default of the field %r %s" % (name, reason))


def _check_choices(name: str, field: dict[str, Any]) -> None:
    """A choice that no value fits, or that a client would show in part, must not reach a person."""
    is_list = field["type"] == "array"
    source = field.get("items") if is_list else field
    titled = "anyOf" if is_list else "oneOf"
    named = [keyword for keyword in ("enum", titled) if isinstance(source, dict) and keyword in source]
    if is_list and (not named or set(source) - {"type", "enum", "anyOf"} or source.get("type", "string") != "string"):
        raise ValueError("the field %r needs `items` with an `enum` or `anyOf`: a list is a choice of several texts" % name)
    if not named:
        return
    if len(named) > 1:
        raise ValueError("the field %r has %s; use one of them" % (name, _listed(named)))
    values = source[named[0]]
    if named[0] != "enum":
        is_whole = isinstance(values, list) and all(isinstance(each, dict) and isinstance(each.get("title"), str) for each in values)
        values = [each.get("const") for each in values] if is_whole else None
    if not values or not _is_texts(values):
        form = "a list of texts" if named[0] == "enum" else "a list of dicts with `const` and `title`, both texts"
        raise ValueError("`%s` of the field %r must be %s" % (named[0], name, form))
    titles = field.get("enumNames")
    if titles is not None and (not _is_texts(titles) or len(titles) != len(values)):
        raise ValueError("`enumNames` of the field %r must have a text for each value of `enum`" % name)


def _is_texts(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(isinstance(value, str) for value in values)


def check_answer(answer: dict[str, Any], schema: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """The action, and the values of the fields if the person has accepted. Raises UnfitAnswer."""
    action = answer.get("action")
    if action not in ("accept", "decline", "cancel"):
        raise UnfitAnswer("`action` must be accept, decline or cancel")
    if action != "accept":
        return action, None
    content = answer.get("content", {})
    if not isinstance(content, dict):
        raise UnfitAnswer("`content` must be an object")
    values: dict[str, Any] = {}
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        if content.get(name) is not None:
            reason = _reason_against(content[name], field)
            if reason is not None:
                raise UnfitAnswer('"%s" %s' % (name, reason))
            values[name] = content[name]
        elif "default" in field:
            values[name] = field["default"]
        elif name in required:
            raise UnfitAnswer('"%s" is required' % name)
    return action, values


def _reason_against(value: Any, field: dict[str, Any]) -> str | None:
    """Why the value does not fit the field. None if it does."""
    return _CHECKS[field["type"]](value, field)


def _check_string(value: Any, field: dict[str, Any]) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    choices = _choices(field)
    if choices and value not in choices:
        return "must be one of %s" % ", ".join(choices)
    if "pattern" in field and re.search(field["pattern"], value) is None:
        return "must match %s" % field["pattern"]
    form = field.get("format")
    if form is not None and not _FORMATS[form](value):
        return "must be %s" % _FORMAT_NAMES[form]
    return _check_size(len(value), "characters", field.get("minLength"), field.get("maxLength"))


def _is_email(value: str) -> bool:
    return re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None


def _is_uri(value: str) -> bool:
    try:
        return re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", value) is not None and urlsplit(value) is not None
    except ValueError:
        return False


def _is_date(value: str) -> bool:
    try:
        return re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is not None and datetime.date.fromisoformat(value) is not None
    except ValueError:
        return False


def _is_date_time(value: str) -> bool:
    """As RFC 3339 has it. Before Python 3.11, `fromisoformat` reads neither `Z` nor any number of digits of a second."""
    parts = re.fullmatch(r"([0-9-]{10})[Tt ]([0-9:]{8})(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})", value)
    try:
        return parts is not None and datetime.datetime.fromisoformat("T".join(parts.groups())) is not None
    except ValueError:
        return False


_FORMATS: dict[str, Callable[[str], bool]] = {"email": _is_email, "uri": _is_uri, "date": _is_date, "date-time": _is_date_time}
_FORMAT_NAMES = {
    "email": "an email address",
    "uri": "a URI",
    "date": "a date such as 2026-01-31",
    "date-time": "a time such as 2026-01-31T09:30:00Z",
}


def _check_number(value: Any, field: dict[str, Any]) -> str | None:
    is_whole = field["type"] == "integer"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return "must be a number"
    if is_whole and value != int(value):
        return "must be a whole number"
    if "minimum" in field and value < field["minimum"]:
        return "must be at least %s" % field["minimum"]
    if "maximum" in field and value > field["maximum"]:
        return "must be at most %s" % field["maximum"]
    return None


def _check_boolean(value: Any, _: dict[str, Any]) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _check_array(value: Any, field: dict[str, Any]) -> str | None:
    choices = _choices(field)
    if not isinstance(value, list) or any(not isinstance(item, str) or item not in choices for item in value):
        return "must be a list of %s" % ", ".join(choices)
    return _check_size(len(value), "items", field.get("minItems"), field.get("maxItems"))


_CHECKS: dict[str, Callable[[Any, dict[str, Any]], str | None]] = {
    "string": _check_string,
    "number": _check_number,
    "integer": _check_number,
    "boolean": _check_boolean,
    "array": _check_array,
}


def _check_size(size: int, unit: str, lowest: int | None, highest: int | None) -> str | None:
    if lowest is not None and size < lowest:
        return "must have at least %d %s" % (lowest, unit)
    if highest is not None and size > highest:
        return "must have at most %d %s" % (highest, unit)
    return None


def _choices(field: dict[str, Any]) -> list[str]:
    """What a field of choices allows; empty for any other field."""
    source = field["items"] if field["type"] == "array" else field
    titled = source.get("oneOf", source.get("anyOf", []))
    return source.get("enum") or [each["const"] for each in titled]


def _listed(names: Any) -> str:
    return ", ".join("`%s`" % name for name in sorted(names))
