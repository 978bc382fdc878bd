"""Methods of the contract that this server does not implement yet: answered, and clearly so."""

from __future__ import annotations

from typing import NoReturn

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from hexgate.domain.errors import Unimplemented
from hexgate.entrypoints.grpc.boundary import Scope, Streaming, Unary


def unary(method: MethodDescriptor) -> Unary[Message, Message]:
    """A unary method that answers UNIMPLEMENTED."""

    async def refuse(_request: Message, _scope: Scope[Message]) -> Message:
        _refuse(method)

    return refuse


def stream(method: MethodDescriptor) -> Streaming[Message, Message]:
    """A streaming method that answers UNIMPLEMENTED."""

    async def refuse(_request: Message, _scope: Scope[Message]) -> None:
        _refuse(method)

    return refuse


def _refuse(method: MethodDescriptor) -> NoReturn:
    name = f"{method.containing_service.full_name}/{method.name}"
    raise Unimplemented(
        f"{name} is in the contract and not implemented in this server", metadata={"feature": name}
    )
