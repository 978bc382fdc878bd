"""The one method of Vertex AI's v1beta1 API that v1 lacks: to list a publisher's models.

Its two messages are declared here, field by field as v1beta1 has them, since the SDK's package of
v1beta1 takes another 80 MB of memory. What is listed has the type that v1 has for it.
"""

from __future__ import annotations

import importlib
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

LIST = "/google.cloud.aiplatform.v1beta1.ModelGardenService/ListPublisherModels"
_PACKAGE = "hexgate.vertex"
_Field = descriptor_pb2.FieldDescriptorProto
_ONE = _Field.LABEL_OPTIONAL


def request(parent: str, page_size: int, page_token: str) -> Message:
    """Ask for models of a publisher, as in `publishers/google`; a size of 0 is the API's own."""
    return _REQUEST(parent=parent, page_size=page_size, page_token=page_token)


def response(data: bytes) -> Message:
    """The answer out of its bytes."""
    return _RESPONSE.FromString(data)


def _declared() -> tuple[type[Message], type[Message]]:
    types: Any = importlib.import_module("google.cloud.aiplatform_v1.types.publisher_model")
    model = types.PublisherModel.pb(types.PublisherModel()).DESCRIPTOR
    many, text, number = _Field.LABEL_REPEATED, _Field.TYPE_STRING, _Field.TYPE_INT32
    file = descriptor_pb2.FileDescriptorProto(
        name="hexgate/vertex/garden.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[model.file.name],
        message_type=[
            descriptor_pb2.DescriptorProto(
                name="Request",
                field=[
                    _Field(name="parent", number=1, type=text, label=_ONE),
                    _Field(name="page_size", number=3, type=number, label=_ONE),
                    _Field(name="page_token", number=4, type=text, label=_ONE),
                ],
            ),
            descriptor_pb2.DescriptorProto(
                name="Response",
                field=[
                    _Field(
                        name="publisher_models",
                        number=1,
                        type=_Field.TYPE_MESSAGE,
                        type_name=f".{model.full_name}",
                        label=many,
                    ),
                    _Field(name="next_page_token", number=2, type=text, label=_ONE),
                ],
            ),
        ],
    )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    made = [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in ("Request", "Response")
    ]
    return made[0], made[1]


_REQUEST, _RESPONSE = _declared()
