"""Each fault does what its line in the table says, as the raw socket sees it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence

import aiohttp
import pytest

from hexgate.adapters.simulator import Fault, Plan, Simulator
from hexgate.adapters.simulator.faults import QUICK, TABLE
from tests.adapters.simulator.asked import (
    BODIES,
    HEADERS,
    PATHS,
    Question,
    data_of,
    heard_stream,
    post,
    said,
)

WIRES = ("openai", "anthropic", "ollama")
ENDS = {"openai": b"[DONE]", "anthropic": b"message_stop", "ollama": b'"done":true'}


async def raw(
    sim: Simulator, fault: str, *, wire: str = "openai", stream: bool = True
) -> tuple[bytes, bool]:
    """Everything that comes back, and whether the connection was reset."""
    host, port = sim.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(BODIES[wire](Question(f"fault-{fault}", stream=stream))).encode()
    headers = {
        "Host": host,
        "Authorization": "Bearer key",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **HEADERS[wire],
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST {PATHS[wire]} HTTP/1.1\r\n{head}\r\n".encode() + body)
    got, was_reset = b"", False
    try:
        while piece := await reader.read(1 << 16):
            got += piece
    except ConnectionResetError:
        was_reset = True
    writer.close()
    return got, was_reset


def pieces(wire: str, body: bytes) -> int:
    """How many pieces of output a body holds."""
    marks = {"openai": b'"content":"', "anthropic": b"text_delta", "ollama": b'"content":"'}
    return body.count(marks[wire]) - (wire == "openai")  # the role comes with empty content


def test_every_lesson_that_a_listening_server_can_teach_is_here() -> None:
    assert set(TABLE) == set(Fault)
    assert {fault.lesson for fault in Fault} == set(range(5, 29))
    assert all(fault.says for fault in Fault)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["reset-before-headers", "close-before-headers"])
async def test_nothing_comes_before_the_connection_ends(
    sim: Simulator, fault: str, stream: bool
) -> None:
    assert await raw(sim, fault, stream=stream) == (b"", fault.startswith("reset"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "head", "output"),
    [
        ("hang-before-headers", False, False),
        ("hang-after-headers", True, False),
        ("hang-mid-stream", True, True),
    ],
)
async def test_silence_lasts_until_the_bound_and_ends_in_a_reset(
    fault: str, head: bool, output: bool, stream: bool
) -> None:
    async with Simulator(hang_s=0.05) as sim:
        got, was_reset = await raw(sim, fault, stream=stream)
    assert was_reset
    assert got.startswith(b"HTTP/1.1 200 OK") is head
    assert (b'"id":"chatcmpl' in got) is output


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("fault", "reset", "complete"),
    [
        ("reset-mid-stream", True, False),
        ("cut-mid-stream", False, False),
        ("close-mid-stream", False, True),
    ],
)
async def test_streams_break_after_three_pieces(
    sim: Simulator, wire: str, fault: str, reset: bool, complete: bool
) -> None:
    got, was_reset = await raw(sim, fault, wire=wire)
    assert was_reset is reset
    assert pieces(wire, got) == 3
    assert ENDS[wire] not in got
    assert got.endswith(b"0\r\n\r\n") is complete


@pytest.mark.parametrize("fault", ["reset-mid-stream", "cut-mid-stream", "close-mid-stream"])
async def test_whole_answers_break_in_the_middle(sim: Simulator, fault: str) -> None:
    got, was_reset = await raw(sim, fault, stream=False)
    assert was_reset is (fault == "reset-mid-stream")
    assert b'{"id":"chatcmpl' in got
    assert b'"usage"' not in got


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("stream", [False, True])
async def test_usage_is_withheld(http: aiohttp.ClientSession, wire: str, stream: bool) -> None:
    async with post(http, wire, Question("fault-no-usage", stream=stream)) as response:
        got = await response.read()
    assert b'usage":{' not in got
    assert b"eval_count" not in got
    assert not stream or ENDS[wire] in got


@pytest.mark.parametrize("wire", WIRES)
async def test_one_event_is_broken_json(http: aiohttp.ClientSession, wire: str) -> None:
    async with post(http, wire, Question("fault-bad-json", stream=True)) as response:
        got = await response.read()
    with pytest.raises(ValueError, match=r"Unterminated|delimiter"):
        data_of(got)
    assert ENDS[wire] in got
    async with post(http, wire, Question("fault-bad-json")) as response:
        got = await response.read()
    with pytest.raises(ValueError, match=r"Unterminated|delimiter|Expecting"):
        json.loads(got)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("fault", "output"), [("before", 0), ("after", 3)])
async def test_errors_come_as_events_in_a_good_response(
    http: aiohttp.ClientSession, wire: str, fault: str, output: int
) -> None:
    ask = Question(f"fault-error-{fault}-output", stream=True)
    async with post(http, wire, ask) as response:
        got = await response.read()
        assert response.status == 200
    assert pieces(wire, got) == output
    assert "error" in data_of(got)[-1]
    assert ENDS[wire] not in got
    async with post(http, wire, Question(ask.model)) as response:
        assert response.status == 500


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        *((f"error-{code}", code) for code in (500, 502, 503, 504, 529)),
        ("unauthorized", 401),
        ("forbidden", 403),
        ("model-gone", 404),
        ("context-too-long", 400),
        ("filter-prompt", 400),
        ("limited", 429),
        ("spend-limit", 429),
    ],
)
async def test_refusals_have_their_status_and_a_body(
    http: aiohttp.ClientSession, wire: str, fault: str, status: int
) -> None:
    async with post(http, wire, Question(f"fault-{fault}", stream=True)) as response:
        assert response.status == status
        assert response.content_type == "application/json"
        assert (await response.json())["error"]
        assert "retry-after" not in response.headers


@pytest.mark.parametrize(
    ("fault", "header", "value"),
    [
        ("limited-seconds", "retry-after", "2"),
        ("limited-ms", "retry-after-ms", "2000"),
        ("limited-date", "retry-after", "GMT"),
        ("limited-body", "", "try again in 2s"),
    ],
)
async def test_limits_say_when_to_come_again(
    http: aiohttp.ClientSession, fault: str, header: str, value: str
) -> None:
    async with post(http, "openai", Question(f"fault-{fault}")) as response:
        assert response.status == 429
        told = response.headers[header] if header else await response.text()
        assert value in told
        assert bool(header) or "retry-after" not in response.headers


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("stream", [False, True])
async def test_empty_answers_are_proper(
    http: aiohttp.ClientSession, wire: str, stream: bool
) -> None:
    heard = await said(http, wire, Question("fault-empty", stream=stream))
    assert (heard.text, heard.calls, heard.tokens[1]) == ("", [], 0)
    assert heard.finish in ("stop", "end_turn")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("fault", "words"), [("filter-before-output", 0), ("filter-at-end", 3)])
async def test_filters_end_the_answer(
    http: aiohttp.ClientSession, wire: str, fault: str, words: int
) -> None:
    heard = await said(http, wire, Question(f"fault-{fault}", stream=True))
    assert len(heard.text.split()) == words
    assert heard.finish in ("content_filter", "refusal")


@pytest.mark.parametrize(("fault", "status"), [("html", 200), ("html-502", 502)])
async def test_pages_come_instead_of_json(
    http: aiohttp.ClientSession, fault: str, status: int
) -> None:
    async with post(http, "openai", Question(f"fault-{fault}")) as response:
        assert (response.status, response.content_type) == (status, "text/html")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["giant-headers", "giant-body", "endless-line"])
async def test_giants_reach_their_bound(sim: Simulator, fault: str, stream: bool) -> None:
    got, _ = await raw(sim, fault, stream=stream)
    head, _, body = got.partition(b"\r\n\r\n")
    longest = max(map(len, body.split(b"\n")))
    assert len(got) > 1 << 19
    assert (len(head) > 1 << 19) is (fault == "giant-headers")
    assert (longest > 1 << 15) is (fault == "endless-line")


async def test_a_giant_stops_when_its_client_leaves(http: aiohttp.ClientSession) -> None:
    async with Simulator(giant_bytes=1 << 40) as sim, aiohttp.ClientSession(sim.url) as client:
        client.headers["Authorization"] = "Bearer key"
        async with post(client, "openai", Question("fault-giant-body", stream=True)) as response:
            await response.content.readany()
            response.close()
        assert (await sim.next_disconnect()).path == "/v1/chat/completions"


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ["split-bytes", "slow-drip"])
async def test_bytes_one_by_one_make_a_good_answer(
    http: aiohttp.ClientSession, wire: str, fault: str
) -> None:
    heard = await said(http, wire, Question(f"fault-{fault}", stream=True, max_tokens=4))
    assert heard.tokens[1] == 4
    assert heard.text


async def test_every_byte_has_a_chunk_of_its_own(sim: Simulator) -> None:
    got, _ = await raw(sim, "split-bytes")
    body = got.partition(b"\r\n\r\n")[2]
    assert body.startswith(b"1\r\nd\r\n1\r\na\r\n1\r\nt\r\n")


async def test_lengths_and_encodings_lie(sim: Simulator) -> None:
    got, _ = await raw(sim, "wrong-length", stream=False)
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % (len(body) + 64) in head
    assert json.loads(body)
    got, _ = await raw(sim, "bad-gzip", stream=False)
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert json.loads(body)
    got, _ = await raw(sim, "bad-chunking")
    assert b"\r\nzz\r\n" in got


async def test_the_clients_library_rejects_what_lies(http: aiohttp.ClientSession) -> None:
    for fault in ("wrong-length", "bad-gzip", "bad-chunking", "cut-mid-stream"):
        with pytest.raises(aiohttp.ClientError):
            await said(http, "openai", Question(f"fault-{fault}", stream=True))


@pytest.mark.parametrize("wire", WIRES)
async def test_events_come_twice_or_too_early(http: aiohttp.ClientSession, wire: str) -> None:
    async def events(fault: str) -> Sequence[bytes]:
        async with post(http, wire, Question(f"fault-{fault}", stream=True)) as response:
            body: bytes = await response.read()
            return body.split(b"\n")

    twice = [line for line in await events("duplicate-event") if line.strip()]
    data = [line for line in twice if line.startswith((b"data", b"{"))]
    assert any(a == b for a, b in itertools.pairwise(data))
    ends = [line for line in await events("duplicate-end") if ENDS[wire] in line]
    assert len(ends) == 2 * (2 if wire == "anthropic" else 1)  # the name and the type
    lines = [line for line in await events("out-of-order") if line.strip()]
    finish = {"openai": b'"stop"', "anthropic": b"end_turn", "ollama": b'"done":true'}[wire]
    at = next(i for i, line in enumerate(lines) if finish in line)
    assert pieces(wire, b"\n".join(lines[:at])) == 3
    assert any(b"content" in line for line in lines[at + 1 :])


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ["duplicate-event", "duplicate-end", "out-of-order"])
async def test_whole_answers_have_no_events_to_disorder(
    http: aiohttp.ClientSession, wire: str, fault: str
) -> None:
    assert (await said(http, wire, Question(f"fault-{fault}"))).text


async def test_a_plan_says_after_how_many_pieces(
    sim: Simulator, http: aiohttp.ClientSession
) -> None:
    for after, seen in ((0, 0), (1, 1), (5, 5), (99, 5)):
        sim.script([Plan(Fault.CLOSE_MID_STREAM, after)])
        ask = Question("sim-echo", "one two three four five", stream=True)
        async with post(http, "openai", ask) as response:
            assert pieces("openai", await response.read()) == seen


async def test_a_script_is_followed_then_over(sim: Simulator, http: aiohttp.ClientSession) -> None:
    sim.script([Fault.ERROR_503, "ok", "limited"])
    statuses = []
    for _ in range(4):
        async with http.get("/v1/models") as response:  # a listing takes nothing from the script
            assert response.status == 200
        async with post(http, "openai", Question()) as response:
            statuses.append(response.status)
    assert statuses == [503, 200, 429, 200]
    with pytest.raises(ValueError, match="no fault is called 'nonsense'; known are hang-before"):
        sim.script(["nonsense"])


async def test_chance_is_repeatable_and_as_frequent_as_asked() -> None:
    async def run(seed: int) -> list[int]:
        wanted = ("error-500", Fault.LIMITED)
        async with (
            Simulator(seed=seed, fault_rate=0.3, faults=wanted) as sim,
            aiohttp.ClientSession(sim.url, headers={"Authorization": "Bearer key"}) as http,
        ):
            statuses = []
            for _ in range(100):
                async with post(http, "openai", Question("sim-echo")) as response:
                    statuses.append(response.status)
            return statuses

    first = await run(1)
    assert first == await run(1)
    assert first != await run(2)
    assert set(first) == {200, 429, 500}
    assert 50 < first.count(200) < 90


def test_faults_by_chance_end_by_themselves() -> None:
    assert not {"hang-mid-stream", "giant-body", "slow-drip"} & {fault.value for fault in QUICK}
    with pytest.raises(ValueError, match="fault_rate"):
        Simulator(fault_rate=2)


async def test_streams_of_faults_are_good_up_to_the_fault(http: aiohttp.ClientSession) -> None:
    async with post(http, "openai", Question("fault-close-mid-stream", stream=True)) as response:
        broken = heard_stream("openai", await response.read())
    whole = await said(http, "openai", Question("fault-duplicate-end"))
    assert len(broken.text.split()) == 3
    assert broken.finish == ""
    assert whole.text != broken.text
