"""Writes single values for JSON exactly as SQL endpoints write them."""

from __future__ import annotations

import base64
import datetime
import decimal
from typing import Any, Optional

# The number of decimal digits that a double always keeps.
_EXACT_DIGITS = 15
_SAFE_INTEGER = 2**53 - 1


def decimal_value(value: decimal.Decimal) -> Any:
    """A number if that is exact, None for NaN and infinities, else the digits as text, both without zeros at the end."""
    if not value.is_finite():
        return None
    sign, digits, exponent = value.as_tuple()
    exponent = int(exponent)
    kept = len(digits)
    while exponent < 0 and kept > 1 and digits[kept - 1] == 0:
        kept -= 1
        exponent += 1
    value = decimal.Decimal((sign, digits[:kept], exponent))
    if exponent >= 0 and kept + exponent <= _EXACT_DIGITS + 1 and abs(int(value)) <= _SAFE_INTEGER:
        return int(value)
    number = float(value) if kept <= _EXACT_DIGITS and exponent < 0 else 0.0
    if number != 0 or value.is_zero():
        return int(number) if number.is_integer() else number
    return format(value, "f") if abs(exponent) < 1000 else str(value)


def well_formed(text: str) -> str:
    """UTF-8 has no surrogates: pairs are joined, single ones replaced."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def datetime_text(value: datetime.datetime) -> str:
    text = value.isoformat()
    return trim_fraction(text) if "." in text else text


def time_text(value: datetime.time) -> str:
    text = value.isoformat()
    return trim_fraction(text) if "." in text else text


def trim_fraction(text: str) -> str:
    """`…05.120000+02:00` becomes `…05.12+02:00`."""
    head, _dot, tail = text.partition(".")
    if tail.isdigit():
        digits = tail.rstrip("0")
        return f"{head}.{digits}" if digits else head
    end = next((index for index, character in enumerate(tail) if not character.isdigit()), len(tail))
    digits = tail[:end].rstrip("0")
    return f"{head}.{digits}{tail[end:]}" if digits else head + tail[end:]


def duration_text(value: datetime.timedelta) -> str:
    """ISO 8601 with the days and seconds of the timedelta: `P1DT2H3.5S`. A negative duration has a sign on each part."""
    sign = "-" if value < datetime.timedelta(0) else ""
    value = abs(value)
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{value.microseconds:06d}".rstrip("0") if value.microseconds else ""
    days = f"{sign}{value.days}D" if value.days else ""
    clock = "".join(f"{sign}{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M")) if count)
    if seconds or fraction:
        clock += f"{sign}{seconds}{fraction}S"
    if not days and not clock:
        return "PT0S"
    return f"P{days}T{clock}" if clock else f"P{days}"


def bytes_text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def numpy_time_text(value: Any) -> Optional[str]:
    """A datetime64 with all its digits; None for any other value."""
    if type(value).__name__ != "datetime64":
        return None
    item = value.item()
    return item.isoformat() if type(item) is datetime.date else trim_fraction(str(value))
