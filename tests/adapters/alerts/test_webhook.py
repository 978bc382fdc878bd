"""Alerts as posts to a URL, over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from hexgate.adapters.alerts.webhook import SIGNATURE, Webhook
from hexgate.ports.herald import Herald
from tests.adapters.alerts.receiver import Receiver, nobody_there, receiving
from tests.contracts.herald import ALERT, FallibleHeraldContract

SECRET = "whsec-4711"
TOKEN = "t0ken"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody who receives."""
    async with receiving() as found:
        yield found


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """What posts are made with."""
    async with aiohttp.ClientSession() as found:
        yield found


class TestWebhook(FallibleHeraldContract):
    @pytest.fixture(autouse=True)
    def _given(self, receiver: Receiver, session: aiohttp.ClientSession) -> None:
        self.receiver, self.session = receiver, session

    async def make(self) -> Herald:
        return Webhook(self.session, f"{self.receiver.url}/200", SECRET, 5)

    async def failing(self) -> Herald:
        return Webhook(self.session, f"{self.receiver.url}/500", SECRET, 5)

    async def hanging(self) -> Herald:
        return Webhook(self.session, f"{self.receiver.url}/hang", SECRET, 30)

    async def until_asked(self) -> None:
        await self.receiver.got(1)


async def test_an_alert_is_posted_as_json(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    alert = replace(ALERT, account="agents|2026-11|agent:a|b \u00e9", claims=3)
    assert await Webhook(session, f"{receiver.url}/200", "", 5).deliver(alert) == ""
    (post,) = receiver.posts
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["User-Agent"] == "hexgate"
    assert post.said == {
        "event": "budget.alert",
        "raised_at": "2026-11-30T00:53:20.250+00:00",
        "budget": "agents",
        "window": "2026-11",
        "scope": "agent:a|b \u00e9",
        "threshold_nanos": 800,
        "limit_nanos": 1000,
        "spent_nanos": 950,
    }
    assert "agent:a|b \u00e9".encode() in post.body


async def test_the_receiver_can_tell_that_the_body_is_ours(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    await Webhook(session, f"{receiver.url}/200", SECRET, 5).deliver(ALERT)
    (post,) = receiver.posts
    expected = hmac.new(SECRET.encode(), post.body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(post.headers[SIGNATURE], f"sha256={expected}")
    forged = hmac.new(b"another", post.body, hashlib.sha256).hexdigest()
    assert not hmac.compare_digest(post.headers[SIGNATURE], f"sha256={forged}")


async def test_without_a_secret_there_is_no_signature(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    await Webhook(session, f"{receiver.url}/200", "", 5).deliver(ALERT)
    (post,) = receiver.posts
    assert SIGNATURE not in post.headers


async def test_each_try_of_an_alert_has_the_same_key_and_no_other_alert_has_it(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    hook = Webhook(session, f"{receiver.url}/500", SECRET, 5)
    later = replace(ALERT, claims=7, spent_nanos=2000)
    others = (
        replace(ALERT, threshold_nanos=1000),
        replace(ALERT, account="daily|2026-12-01|global"),
        replace(ALERT, account="daily|2026-11-30|agent:x"),
    )
    for alert in (ALERT, later, *others):
        await hook.deliver(alert)
    first, again, *rest = (post.headers["Idempotency-Key"] for post in receiver.posts)
    assert first == again
    assert len({first, *rest}) == 4
    assert first.isalnum()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_arrival(
    receiver: Receiver, session: aiohttp.ClientSession, status: int
) -> None:
    assert await Webhook(session, f"{receiver.url}/{status}", "", 5).deliver(ALERT) == ""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
async def test_a_redirect_is_not_followed(
    receiver: Receiver, session: aiohttp.ClientSession, status: int
) -> None:
    """Where it leads was never configured."""
    hook = Webhook(session, f"{receiver.url}/{status}", "", 5)
    assert await hook.deliver(ALERT) == f"HTTP {status}"
    assert [post.path for post in receiver.posts] == [f"/{status}"]


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 502, 503])
async def test_any_other_status_is_not(
    receiver: Receiver, session: aiohttp.ClientSession, status: int
) -> None:
    hook = Webhook(session, f"{receiver.url}/{status}", "", 5)
    assert await hook.deliver(ALERT) == f"HTTP {status}"


async def test_an_answer_that_takes_too_long_is_none(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    hook = Webhook(session, f"{receiver.url}/hang", "", 0.05)
    assert await hook.deliver(ALERT) == "TimeoutError"
    assert len(receiver.posts) == 1


async def test_a_dropped_connection_is_not_arrival_and_the_next_try_may_be(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    assert await Webhook(session, f"{receiver.url}/drop", "", 5).deliver(ALERT)
    assert await Webhook(session, f"{receiver.url}/200", "", 5).deliver(ALERT) == ""


async def test_a_refused_connection_is_not_arrival(session: aiohttp.ClientSession) -> None:
    assert await Webhook(session, nobody_there(), "", 5).deliver(ALERT)


async def test_what_is_no_http_is_not_arrival(session: aiohttp.ClientSession) -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ready\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await Webhook(session, url, "", 5).deliver(ALERT)


@pytest.mark.parametrize(
    "url",
    ["{here}/500", "{here}/302", "{here}/drop", "{here}/hang", "{nobody}/x", "http://["],
)
async def test_no_reason_tells_the_url_or_the_secret(
    receiver: Receiver, session: aiohttp.ClientSession, url: str
) -> None:
    """They hold tokens, and the reason goes into the log."""
    whole = url.format(here=receiver.url, nobody=nobody_there())
    why = await Webhook(session, f"{whole}?key={TOKEN}", SECRET, 0.05).deliver(ALERT)
    assert why
    for hidden in (TOKEN, SECRET, "127.0.0.1", "http:"):
        assert hidden not in why
