"""Values as they travel in JSON, and as Python has them.

======================  =====================================================
in JSON                 in Python
======================  =====================================================
``"~f1.50"``            ``decimal.Decimal("1.50")``
``"~t2024-01-01T…Z"``   :class:`Time`, a ``datetime`` that keeps nanoseconds
``"~u…"``               ``uuid.UUID``
``"~rhttp://…"``        :class:`URI`
``"~:ns:name"``         :class:`NI`
``"~bAQI="``            :class:`Bytes`
others                  as ``json`` has them; whole numbers of any size
======================  =====================================================

``encode(decode(value)) == value`` for every value that a node sends.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any


class NI(str):
    """A namespaced identifier, such as ``NI("crm-person:42")``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"NI({str.__repr__(self)})"


class URI(str):
    """An address that is known to be one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"URI({str.__repr__(self)})"


class Bytes(bytes):
    """Raw bytes, with the text that they were sent as."""

    text: str

    def __new__(cls, content: bytes, text: str | None = None) -> Bytes:
        made = super().__new__(cls, content)
        made.text = base64.b64encode(content).decode() if text is None else text
        return made


class Time(datetime):
    """A point in time in UTC, with the text that it was sent as.

    A ``datetime`` ends at microseconds and at the years 1 to 9999; ``text`` has
    it all.
    """

    text: str

    @classmethod
    def of(cls, text: str) -> Time:
        """Reads ``2024-01-01T12:00:00.123456789Z`` or ``2024-01-01``."""
        day, _, clock = text.removesuffix("Z").partition("T")
        clock, _, fraction = clock.partition(".")
        year, month, date = (int(part) for part in day.split("-"))
        hour, minute, second = (int(part) for part in clock.split(":")) if clock else (0, 0, 0)
        micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
        made = cls(year, month, date, hour, minute, second, micro, timezone.utc)
        made.text = text
        return made


def _time_text(value: datetime) -> str:
    text = getattr(value, "text", None)
    if isinstance(text, str):
        return text
    if value.tzinfo is None:
        raise ValueError(f"{value!r} names no time zone")
    value = value.astimezone(timezone.utc)
    fraction = f".{value.microsecond:06}".rstrip("0") if value.microsecond else ""
    return f"{value:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f"{fraction}Z"


def _uuid(text: str) -> uuid.UUID | str:
    # Another spelling of the same would not come back as it was.
    made = uuid.UUID(text)
    return made if str(made) == text else "~u" + text


def _decimal(text: str) -> Decimal | str:
    made = Decimal(text)
    return made if str(made) == text else _Decimal(text)


class _Decimal(Decimal):
    """A decimal number that is spelled in its own way."""

    spelling: str

    def __new__(cls, text: str) -> _Decimal:
        made = super().__new__(cls, text)
        made.spelling = text
        return made


_TYPES: dict[str, Callable[[str], Any]] = {
    "f": _decimal,
    "t": Time.of,
    "u": _uuid,
    "r": URI,
    ":": NI,
    "b": lambda text: Bytes(base64.b64decode(text, validate=True), text),
}


def decode(value: Any) -> Any:
    """From a value of JSON to one of Python. What is no typed value after all
    stays the text that it is."""
    if isinstance(value, str):
        if len(value) > 1 and value[0] == "~" and (read := _TYPES.get(value[1])):
            try:
                return read(value[2:])
            except (ValueError, InvalidOperation, binascii.Error):
                return value
        return value
    if isinstance(value, list):
        return [decode(item) for item in value]
    if isinstance(value, dict):
        return {name: decode(item) for name, item in value.items()}
    return value


def encode(value: Any) -> Any:
    """From a value of Python to one of JSON. Sets and tuples become lists."""
    if isinstance(value, bool) or value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, NI):
        return "~:" + value
    if isinstance(value, URI):
        return "~r" + value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Decimal):
        return "~f" + getattr(value, "spelling", str(value))
    if isinstance(value, datetime):
        return "~t" + _time_text(value)
    if isinstance(value, uuid.UUID):
        return "~u" + str(value)
    if isinstance(value, (bytes, bytearray)):
        text = getattr(value, "text", None) or base64.b64encode(value).decode()
        return "~b" + text
    if isinstance(value, dict):
        return {str(name): encode(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [encode(item) for item in value]
    raise TypeError(f"{type(value).__name__} is no value of an entity")


def loads(text: str | bytes) -> Any:
    """Entities from the JSON of a node."""
    return decode(json.loads(text))


def dumps(value: Any) -> bytes:
    """Entities as the JSON that a node takes."""
    return json.dumps(encode(value), ensure_ascii=False).encode()
