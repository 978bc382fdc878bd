"""Fields that a newer client sends and this server does not know: found, never ignored."""

from __future__ import annotations

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet


def has_unknown(message: Message) -> bool:
    """Whether anything in a message was not understood. Drops it on the way."""
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return message.ByteSize() != size


def find(message: Message, path: str = "") -> str:
    """Where the first unknown field is, such as `spec.params, field 99`; empty without one."""
    unknown = UnknownFieldSet(message)
    if len(unknown):
        field_number = f"field {unknown[0].field_number}"
        return f"{path}, {field_number}" if path else field_number
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        here = f"{path}.{field.name}" if path else field.name
        many = field.is_repeated
        for index, inner in enumerate(value if many else (value,)):
            found = find(inner, f"{here}[{index}]" if many else here)
            if found:
                return found
    return ""
