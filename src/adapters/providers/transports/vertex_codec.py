"""JSON of Vertex AI's REST API as messages of its gRPC API, and back."""

from __future__ import annotations

import re
from functools import cache
from typing import cast

import msgspec
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from hexgate.adapters.providers.failures import word
from hexgate.domain.errors import Unsupported, Violation
from hexgate.domain.json import Json, JsonObject

_ENCODER = msgspec.json.Encoder()
_FREE = ("google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue")
_EXACT = float(1 << 53)  # above this a double does not tell integers apart
_NO_FIELD = re.compile(r'has no field named "([^"]+)" at "\w+\.?([^"]*)"')
_BAD_VALUE = re.compile(r"at \w+\.([\w.\[\]]+?)\.*$")


def parsed(provider: str, payload: JsonObject, message: Message) -> None:
    """Fill a message; raises Unsupported, naming the field in the provider's words.

    The gRPC API lacks some fields of REST, and takes no value that its types do not know.
    """
    try:
        json_format.ParseDict(payload, message)
    except json_format.ParseError as failure:
        field = _field(str(failure))
        text = f"{provider} cannot be told {field or 'this'} over gRPC; set transport to http"
        raise Unsupported(
            text,
            (Violation(field or "spec", text, "UNSUPPORTED"),),
            metadata={"provider": provider, "capability": field},
        ) from None  # the parser's words may repeat the prompt


def body(message: Message) -> bytes:
    """A message as REST says it. Integers in free-form values are integers again."""
    return _ENCODER.encode(said(message))


def said(message: Message) -> Json:
    """See `body`. Values that the types do not know by name are `UNKNOWN_<number>`."""
    return _plain(json_format.MessageToDict(message), cast("Descriptor", message.DESCRIPTOR))


def whole(value: Json) -> Json:
    """A value whose numbers have been doubles: what is an integer is written as one.

    Those too large to be exact stay as they are.
    """
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _EXACT else value
    if isinstance(value, dict):
        return {key: whole(inner) for key, inner in value.items()}
    return [whole(inner) for inner in value] if isinstance(value, list) else value


def _plain(value: Json, kind: Descriptor) -> Json:
    if kind.full_name in _FREE:
        return whole(value)
    if not isinstance(value, dict):
        return value  # a well-known type with words of its own, such as a time
    fields = _fields(kind)
    return {key: _each(inner, fields.get(key)) for key, inner in value.items()}


def _each(value: Json, field: FieldDescriptor | None) -> Json:
    if field is None:
        return value
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return value
    if isinstance(value, list) and field.is_repeated:
        return [_one(item, field) for item in value]
    return _one(value, field)


def _one(value: Json, field: FieldDescriptor) -> Json:
    if field.message_type is not None:
        return _plain(value, field.message_type)
    if field.enum_type is not None and isinstance(value, int):
        return f"UNKNOWN_{value}"
    return value


@cache  # as many as the API has types
def _fields(kind: Descriptor) -> dict[str, FieldDescriptor]:
    return {field.json_name: field for field in kind.fields}


def _field(words: str) -> str:
    """The path of the field that the parser is about, as in `generationConfig.topK`."""
    if found := _NO_FIELD.search(words):
        return word(f"{found[2]}.{found[1]}".strip("."))
    return word(found[1]) if (found := _BAD_VALUE.search(words)) else ""
