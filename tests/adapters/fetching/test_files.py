"""Fetching one file, from a real server over TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hexgate.adapters.fetching.files import File, Files, Unfetchable
from hexgate.adapters.fetching.guard import Guard
from tests.adapters.fetching.conftest import PNG, Site

LOCAL = Guard(["127.0.0.0/8", "::1/128"])


@asynccontextmanager
async def files(
    site: Site, guard: Guard = LOCAL, max_bytes: int = 1_000_000, timeout_s: float = 10
) -> AsyncIterator[Files]:
    made = Files(guard, max_bytes=max_bytes, timeout_s=timeout_s, trust=site.trust)
    try:
        yield made
    finally:
        await made.aclose()


async def refused(site: Site, path: str, **how: object) -> str:
    """Why this is not fetched."""
    async with files(site, **how) as made:  # type: ignore[arg-type]  # keywords of `files`
        with pytest.raises(Unfetchable) as raised:
            await made.get(site.url + path if path.startswith("/") else path)
    return str(raised.value)


async def test_a_file_comes_with_its_type(site: Site) -> None:
    async with files(site) as made:
        assert await made.get(f"{site.url}/png") == File(PNG, "image/png")


async def test_a_redirect_to_https_is_followed(site: Site) -> None:
    async with files(site) as made:
        assert (await made.get(f"{site.url}/to?url=/png")).data == PNG
    assert site.asked == ["/to", "/png"]


async def test_nothing_is_told_to_the_server_but_who_asks(site: Site) -> None:
    async with files(site) as made:
        said = (await made.get(f"{site.url}/headers")).data.decode().lower()
    assert "cookie" not in said
    assert "authorization" not in said
    assert "'accept-encoding': 'identity'" in said


async def test_an_address_that_is_not_public_is_never_dialled(site: Site) -> None:
    why = await refused(site, "/png", guard=Guard())
    assert why == "leads to an address that is not public"
    assert site.asked == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "[::1]"])
async def test_no_way_of_writing_an_address_gets_around_the_guard(site: Site, host: str) -> None:
    url = f"https://{host}:{site.url.rpartition(':')[2]}/png"
    assert await refused(site, url, guard=Guard()) == "leads to an address that is not public"
    assert site.asked == []


async def test_a_redirect_does_not_lead_around_the_guard(site: Site) -> None:
    only = Guard(["127.0.0.1/32"])
    why = await refused(site, "/to?url=https://127.0.0.2/", guard=only)
    assert why == "leads to an address that is not public"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/to?url=http://127.0.0.1/", "is not https"),
        ("http://127.0.0.1/", "is not https"),
        ("file:///etc/passwd", "is not https"),
        ("https://user:secret@127.0.0.1/png", "holds a user or a password"),
        ("/to?url=https://user@127.0.0.1/png", "holds a user or a password"),
        ("/round", "redirects more than 3 times"),
        ("/none", "was answered with status 404"),
        ("/zipped", "comes compressed, which was not asked for"),
        ("/empty", "is empty"),
        ("https://[broken/", "cannot be reached"),
        ("https://nowhere.invalid/", "has no such host"),
    ],
)
async def test_what_must_not_be_taken_is_refused_with_its_reason(
    site: Site, path: str, why: str
) -> None:
    assert await refused(site, path) == why


@pytest.mark.parametrize("path", ["/png", "/endless"])
async def test_a_file_that_is_too_large_is_not_read_to_its_end(site: Site, path: str) -> None:
    assert await refused(site, path, max_bytes=50) == "is larger than 50 bytes"


async def test_a_certificate_that_nobody_trusts_is_refused(site: Site) -> None:
    made = Files(LOCAL, max_bytes=1000, timeout_s=10)
    with pytest.raises(Unfetchable, match="no certificate that is trusted"):
        await made.get(f"{site.url}/png")
    await made.aclose()


async def test_a_server_that_never_answers_is_given_up(site: Site) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    why = await refused(site, f"https://127.0.0.1:{port}/", timeout_s=0.2)
    server.close()
    assert why == "was not there within 0.2 s"


async def served(site: Site, answer: bytes, *, drip_s: float | None = None) -> str:
    """Why an answer of these bytes, said over TLS again and again, is not taken."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n")
            while not reader.at_eof():
                writer.write(answer)
                await writer.drain()
                await asyncio.sleep(drip_s or 0)
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0, ssl=site.server)
    port = server.sockets[0].getsockname()[1]
    why = await refused(site, f"https://127.0.0.1:{port}/", timeout_s=0.5 if drip_s else 10)
    server.close()
    return why


async def test_headers_without_end_are_not_read_to_their_end(site: Site) -> None:
    assert await served(site, b"x: y\r\n" * 100) == "cannot be reached"
    assert await served(site, b"x" * 5000) == "cannot be reached"


async def test_a_slow_drip_has_no_more_time_than_any_other_answer(site: Site) -> None:
    assert await served(site, b"x: y\r\n", drip_s=0.05) == "was not there within 0.5 s"


async def test_nothing_is_asked_for_over_http(site: Site) -> None:
    await refused(site, "/to?url=http://127.0.0.1/")
    assert site.asked == ["/to"]


async def test_cancelling_is_not_mistaken_for_a_failure(site: Site) -> None:
    async with files(site) as made:
        going = asyncio.ensure_future(made.get(f"{site.url}/endless"))
        await asyncio.sleep(0)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
