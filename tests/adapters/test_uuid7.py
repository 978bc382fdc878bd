"""Identifiers sort by time and are what RFC 9562 says."""

from __future__ import annotations

import time
from uuid import RFC_4122, UUID

from hexgate.adapters.uuid7 import uuid7


def test_an_identifier_is_a_uuid_of_version_seven() -> None:
    text = uuid7()
    parsed = UUID(text)
    assert (str(parsed), parsed.version, parsed.variant) == (text, 7, RFC_4122)


def test_an_identifier_holds_the_time_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    milliseconds = UUID(uuid7()).int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_no_two_are_equal() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000
