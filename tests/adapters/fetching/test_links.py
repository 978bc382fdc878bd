"""Calls whose links become bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hexgate.adapters.fetching.files import Files
from hexgate.adapters.fetching.guard import Guard
from hexgate.adapters.fetching.links import Links
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import (
    CacheMark,
    Inline,
    Link,
    Media,
    Message,
    Part,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.errors import InvalidRequest
from hexgate.domain.spec import Spec
from tests.adapters.fetching.conftest import PNG, Site
from tests.fakes import call


def nobody(_media: Media) -> bool:
    """A provider that fetches nothing itself."""
    return False


@pytest.fixture
async def links(site: Site) -> AsyncIterator[Links]:
    files = Files(Guard(["127.0.0.0/8"]), max_bytes=10_000, timeout_s=10, trust=site.trust)
    yield Links(files, 10_000)
    await files.aclose()


def asking(*parts: Part, role: Role = Role.USER) -> ChatCall:
    """A call whose last message has these parts."""
    first = Message(Role.USER, (Text("Look."),))
    return call(spec=Spec(model="m", messages=(first, Message(role, parts))))


def image(url: str, media_type: str = "image/png") -> Media:
    return Media(media_type, Link(url), "a.png", CacheMark())


async def refused(links: Links, asked: ChatCall) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as raised:
        await links.inlined(asked, nobody)
    return raised.value


async def test_a_link_becomes_bytes_and_keeps_the_rest(site: Site, links: Links) -> None:
    asked = asking(Text("This?"), image(f"{site.url}/png"), Text("Or?"))
    got = await links.inlined(asked, nobody)
    assert got.spec.messages[1].parts == (
        Text("This?"),
        Media("image/png", Inline(PNG), "a.png", CacheMark()),
        Text("Or?"),
    )
    assert got.spec.messages[0] == asked.spec.messages[0]


async def test_a_link_within_a_tools_result_becomes_bytes(site: Site, links: Links) -> None:
    result = ToolResult("1", (Text("Here."), image(f"{site.url}/png")))
    got = await links.inlined(asking(result, role=Role.TOOL), nobody)
    part = got.spec.messages[1].parts[0]
    assert isinstance(part, ToolResult)
    assert part.parts[1] == Media("image/png", Inline(PNG), "a.png", CacheMark())


async def test_what_the_provider_fetches_itself_is_left_to_it(site: Site, links: Links) -> None:
    asked = asking(image(f"{site.url}/png"))
    assert await links.inlined(asked, lambda _: True) is asked
    assert site.asked == []


async def test_a_call_without_links_is_the_same_call(links: Links) -> None:
    asked = asking(Text("Hello."), Media("image/png", Inline(PNG)))
    assert await links.inlined(asked, nobody) is asked
    history = asking(ToolCall("1", "f", "{}"), role=Role.ASSISTANT)
    assert await links.inlined(history, nobody) is history


@pytest.mark.parametrize("given", ["", "image/*"])
async def test_the_servers_type_stands_in_for_one_that_was_not_given(
    site: Site, links: Links, given: str
) -> None:
    got = await links.inlined(asking(image(f"{site.url}/png", given)), nobody)
    part = got.spec.messages[1].parts[0]
    assert isinstance(part, Media)
    assert part.media_type == "image/png"


@pytest.mark.parametrize(
    ("path", "media_type", "why"),
    [
        ("/page", "image/png", "is text/html, not image/png"),
        ("/page", "application/pdf", "is text/html, not application/pdf"),
        ("/png", "application/pdf", "is image/png, not application/pdf"),
        ("/talkative", "image/png", "is of another type, not image/png"),
        ("/none", "image/png", "was answered with status 404"),
        ("/untyped", "", "came without a media type; set media_type"),
    ],
)
async def test_a_link_that_cannot_be_used_is_refused_by_its_field(
    site: Site, links: Links, path: str, media_type: str, why: str
) -> None:
    error = await refused(links, asking(Text("?"), image(site.url + path, media_type)))
    assert error.violations[0].field == "spec.messages[1].parts[1].media.url"
    assert error.violations[0].reason == "UNFETCHABLE"
    assert why in error.message
    assert "127.0.0.1" not in error.message


async def test_all_links_of_a_call_share_one_bound(site: Site) -> None:
    files = Files(Guard(["127.0.0.0/8"]), max_bytes=10_000, timeout_s=10, trust=site.trust)
    links = Links(files, len(PNG) * 3)
    three = asking(*(image(f"{site.url}/png") for _ in range(3)))
    assert await links.inlined(three, nobody)
    four = asking(*(image(f"{site.url}/png") for _ in range(4)))
    assert "larger than" in (await refused(links, four)).message
    await files.aclose()
