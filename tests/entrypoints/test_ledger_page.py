"""What the page of the ledger tells of alerts and holds is so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from hexgate.adapters.alerts.webhook import SIGNATURE, Webhook
from hexgate.application.alerting import CLAIM_S, GIVE_UP_S
from hexgate.domain.budget import Alert
from hexgate.domain.estimate import MOST
from tests.adapters.alerts.receiver import Post, receiving

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"
SECRET = "whsec-4711"
ALERT = Alert(
    account="each-agent|2026-11|agent:indexer",
    threshold_nanos=90_000_000_000,
    limit_nanos=100_000_000_000,
    spent_nanos=90_000_344_750,
    raised_at=1_796_066_506.14,
)


def marked(name: str) -> str:
    """The block between these marks."""
    found = re.search(
        rf"<!-- {name}: begin -->\n```\w+\n(.*?)```\n<!-- {name}: end -->",
        PAGE.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    assert found is not None
    return found[1]


async def posted() -> Post:
    """What a receiver gets."""
    async with receiving() as receiver, aiohttp.ClientSession() as session:
        await Webhook(session, f"{receiver.url}/200", SECRET, 5).deliver(ALERT)
    (post,) = receiver.posts
    return post


async def test_the_example_is_what_a_receiver_gets() -> None:
    example: dict[str, Any] = json.loads(marked("alert"))
    said = (await posted()).said
    assert said == example
    assert list(said) == list(example)


async def test_the_verification_takes_what_is_ours_and_nothing_else() -> None:
    names: dict[str, Any] = {}
    exec(marked("verify"), names)
    is_ours: Callable[[bytes, str, str], bool] = names["is_ours"]
    post = await posted()
    signature = post.headers[SIGNATURE]
    assert is_ours(post.body, signature, SECRET)
    assert not is_ours(post.body + b" ", signature, SECRET)
    assert not is_ours(post.body, signature, "another")
    assert not is_ours(post.body, signature.removeprefix("sha256="), SECRET)


def test_the_figures_of_holds_are_those_that_are_held() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for line in (
        f"| a message | {MOST.message} more |",
        f"| a tool | {MOST.tool} more, for",
        f"| an image | {MOST.image:,} |",
        f"| a document | one for each byte, at least {MOST.document(0):,} |",
        f"| what is linked or named by a file id, but for images | {MOST.linked:,} |",
    ):
        assert line in text, line
    assert (MOST.text("\u00e9"), MOST.document(10_000)) == (2, 10_000)


def test_the_page_says_for_how_long_alerts_are_tried() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert (
        "posted again every minute, by whichever gateway comes to it first, for three days" in text
    )
    assert (CLAIM_S, GIVE_UP_S) == (60, 3 * 86_400)
