"""Turns links into bytes, for providers that take bytes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from hexgate.adapters.fetching.files import File, Files, Unfetchable
from hexgate.adapters.providers.failures import word
from hexgate.adapters.providers.side_by_side import together
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Inline, Link, Media, Message, Part, ToolResult
from hexgate.domain.errors import InvalidRequest, Violation


@dataclass(frozen=True, slots=True)
class _Found:
    field: str
    media: Media
    url: str


class Links:
    """Fetches with `files` what calls link to, all links of a call together within `max_bytes`."""

    def __init__(self, files: Files, max_bytes: int) -> None:
        self._files = files
        self._max_bytes = max_bytes

    async def inlined(self, call: ChatCall, fetches: Callable[[Media], bool]) -> ChatCall:
        """The call with the bytes of every link that the provider does not fetch itself.

        Raises InvalidRequest, naming the field, for a link that cannot be fetched, is no https, is
        too large, or is something else than the request says.
        """
        found = [link for link in _links(call) if not fetches(link.media)]
        if not found:
            return call
        left = _Budget(self._max_bytes)
        fetched = await together(lambda link: self._one(link, left), found)
        return _with(
            call, {id(one.media): media for one, media in zip(found, fetched, strict=True)}
        )

    async def _one(self, link: _Found, left: _Budget) -> Media:
        try:
            file = await self._files.get(link.url, left.bytes)
            left.take(len(file.data))
        except Unfetchable as failure:
            raise _refusal(link, f"{failure}; the gateway has to fetch it here") from None
        return _media(link, file)


class _Budget:
    def __init__(self, size: int) -> None:
        self.bytes = size
        self._whole = size

    def take(self, size: int) -> None:
        self.bytes -= size
        if self.bytes < 0:
            raise Unfetchable(f"makes the links of the request larger than {self._whole} bytes")


def _media(link: _Found, file: File) -> Media:
    said, sent = link.media.media_type.lower(), file.media_type
    kind = sent if said.endswith("/*") else said or sent
    if not kind:
        raise _refusal(link, "came without a media type; set media_type")
    if said and sent.partition("/")[0] in ("text", "image") and not _alike(said, sent):
        raise _refusal(link, f"is {word(sent) or 'of another type'}, not {said}")
    return replace(link.media, media_type=kind, source=Inline(file.data))


def _alike(said: str, sent: str) -> bool:
    """Servers tell pictures from pages; of documents many know no type."""
    return said.partition("/")[0] == sent.partition("/")[0] or (
        sent == "text/plain" and not said.startswith("image/")
    )


def _refusal(link: _Found, why: str) -> InvalidRequest:
    text = f"the link {why}"
    return InvalidRequest(
        f"{link.field}: {text}",
        (Violation(link.field, text, "UNFETCHABLE"),),
        metadata={"field": link.field},
    )


def _links(call: ChatCall) -> Iterator[_Found]:
    for at, message in enumerate(call.spec.messages):
        for place, part in enumerate(message.parts):
            field = f"spec.messages[{at}].parts[{place}]"
            if isinstance(part, Media):
                yield from _link(f"{field}.media.url", part)
            elif isinstance(part, ToolResult):
                for inner, media in enumerate(part.parts):
                    if isinstance(media, Media):
                        yield from _link(f"{field}.tool_result.parts[{inner}].media.url", media)


def _link(field: str, media: Media) -> Iterator[_Found]:
    if isinstance(media.source, Link):
        yield _Found(field, media, media.source.url)


def _with(call: ChatCall, fetched: Mapping[int, Media]) -> ChatCall:
    messages = tuple(_message(message, fetched) for message in call.spec.messages)
    return replace(call, spec=replace(call.spec, messages=messages))


def _message(message: Message, fetched: Mapping[int, Media]) -> Message:
    return replace(message, parts=tuple(_part(part, fetched) for part in message.parts))


def _part(part: Part, fetched: Mapping[int, Media]) -> Part:
    if isinstance(part, Media):
        return fetched.get(id(part), part)
    if isinstance(part, ToolResult):
        parts = tuple(
            fetched.get(id(inner), inner) if isinstance(inner, Media) else inner
            for inner in part.parts
        )
        return replace(part, parts=parts)
    return part
