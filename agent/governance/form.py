"""The forms of statements' bodies: JSON Schema, as far as we use it, and what a value lacks of it.

One description serves both sides: `yinxin schema` prints it, and `fault` holds each body against it.  Every object has exactly the keys that
are named, so that nothing travels along unread.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

_SPACES = ("Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn")
"""Categories that no name holds: line ends, controls, bidirectional and invisible marks, halves of characters, what is no character."""
_TYPES: Mapping[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "boolean": (bool,), "array": (list, tuple), "object": (dict,)}


def record(**fields: Schema) -> Schema:
    """An object with exactly these keys."""
    return {"type": "object", "properties": fields, "required": sorted(fields), "additionalProperties": False}


def name(longest: int = 100) -> Schema:
    """A name as people read it: one line, nothing invisible in it, no space at its ends."""
    return {"type": "string", "minLength": 1, "maxLength": longest, "format": "name"}


def text(longest: int = 2000) -> Schema:
    """Free text."""
    return {"type": "string", "minLength": 1, "maxLength": longest, "format": "text"}


def word(pattern: str) -> Schema:
    """Text of one pattern."""
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


def choice(*words: str) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": list(words)}


def number(low: int, high: int) -> Schema:
    """A whole number."""
    return {"type": "integer", "minimum": low, "maximum": high}


def several(item: Schema, least: int = 0, most: int = 100) -> Schema:
    """A list without repetitions."""
    return {"type": "array", "items": item, "minItems": least, "maxItems": most, "uniqueItems": True}


def maybe(schema: Schema) -> Schema:
    """That, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


DIGEST: Schema = word("[0-9a-f]{64}")
PERSON: Schema = word("P[0-9A-HJKMNP-TV-Z]{8}")
"""A person's id: P and eight characters of Crockford's base 32, 40 random bits."""
DEVICE: Schema = word("W[0-9a-f]{20}")
"""A device's id: W and 20 hex digits of the digest of its first key."""
STATEMENT: Schema = word("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CERTIFICATE: Schema = {"type": "string", "minLength": 16, "maxLength": 24_000, "format": "der"}
"""DER in base 64."""
MOMENT: Schema = {"type": "string", "maxLength": 27, "format": "moment"}
"""UTC to the microsecond."""
BOOLEAN: Schema = {"type": "boolean"}
ANYTHING: Schema = {"type": "object"}


def fault(value: Any, schema: Schema, where: str = "body") -> str | None:
    """Where `value` is not as the schema says (a path, never the content); None where it is."""
    if options := schema.get("anyOf"):
        return None if any(fault(value, option, where) is None for option in options) else where
    kind = schema["type"]
    if kind == "null":
        return None if value is None else where
    if not isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, bool)):
        return where
    if isinstance(value, str):
        return None if _is_text(value, schema) else where
    if kind == "integer":
        return None if schema["minimum"] <= value <= schema["maximum"] else where
    if kind == "array":
        return _array(value, schema, where)
    return _object(value, schema, where) if kind == "object" else None


def _array(value: Any, schema: Schema, where: str) -> str | None:
    if not schema["minItems"] <= len(value) <= schema["maxItems"] or any(value[i] in value[:i] for i in range(len(value))):
        return where
    return next((wrong for n, item in enumerate(value) if (wrong := fault(item, schema["items"], f"{where}.{n}"))), None)


def _object(value: Any, schema: Schema, where: str) -> str | None:
    fields = schema.get("properties")
    if fields is None:
        return None
    if odd := set(value) ^ set(fields):
        return f"{where}.{min(odd, key=str)}"[:200]
    return next((wrong for key, field in fields.items() if (wrong := fault(value[key], field, f"{where}.{key}"))), None)


def _is_text(value: str, schema: Schema) -> bool:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1000):
        return False
    if (words := schema.get("enum")) is not None:
        return value in words
    if (pattern := schema.get("pattern")) is not None:
        return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value, re.ASCII) is not None
    match schema.get("format"):
        case "name":
            return value == value.strip() and not any(unicodedata.category(char) in _SPACES for char in value)
        case "text":
            return not any(unicodedata.category(char) in _SPACES and char not in "\n\t" for char in value)
        case "der":
            return _der(value) is not None
        case "moment":
            return is_moment(value)
    return True


def _der(value: str) -> bytes | None:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == value else None


def is_moment(value: str) -> bool:
    """Whether this is a time in the one form that statements have."""
    try:
        return re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value, re.ASCII) is not None and bool(datetime.fromisoformat(value))
    except ValueError:
        return False
