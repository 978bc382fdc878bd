"""The engine, a process of its own, and a gateway in front of it."""

from __future__ import annotations

import asyncio
import os
import queue
import re
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import aiohttp
import pytest

from hexgate.adapters.ledger.sqlite import open_sqlite
from hexgate.client import dial
from hexgate.domain.ledger import Entry
from hexgate.entrypoints.grpc.completion import TENANT
from hexgate.entrypoints.server import running
from hexgate.entrypoints.settings import Settings
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.contracts.ledger import newest

if TYPE_CHECKING:
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub

HERE = Path(__file__).parent
VENV = HERE.parents[2] / ".venv-llama"
MAKE_S = 60.0
START_S = 60.0
STOP_S = 20.0
IDLE_S = 30.0
POLL_S = 0.02
READY = re.compile(r"engine ready: (?P<url>http://\S+)")
COUNTER = re.compile(r"^llamacpp:(\w+) (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Work:
    """What the engine says about itself."""

    running: int  # requests that it works on or keeps waiting
    generated: int  # tokens of all finished and abandoned answers since it started


@dataclass(frozen=True, slots=True)
class Engine:
    """A running llama.cpp server; `url` has no path."""

    url: str

    async def work(self) -> Work:
        """Read its counters."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as got:
            assert got.status == 200
            counters = {name: float(value) for name, value in COUNTER.findall(await got.text())}
        busy = counters["requests_processing"] + counters["requests_deferred"]
        return Work(int(busy), int(counters["tokens_predicted_total"]))

    async def idle(self) -> Work:
        """Wait until it has nothing to do."""
        async with asyncio.timeout(IDLE_S):
            while True:
                work = await self.work()
                if not work.running:
                    return work
                await asyncio.sleep(POLL_S)  # another process has no event to wait for


@pytest.fixture(scope="session")
def llama() -> Path:
    """The Python that has llama.cpp. Without it the test is skipped, or fails where CI=true."""
    if (VENV / ".ready").exists():
        return VENV / "bin" / "python"
    message = f"{VENV.name} is missing or unfinished: run `make setup-llama`"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def engine(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Serves the tiny model; ends by SIGTERM and must then exit with 0."""
    home = tmp_path_factory.mktemp("engine")
    model, log = home / "tiny.gguf", home / "stderr"
    subprocess.run([llama, HERE / "make_model.py", model], check=True, timeout=MAKE_S)
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [llama, HERE / "serve_model.py", model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield Engine(_ready(process, log))
        finally:
            process.terminate()
            try:
                code = process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
    assert code == 0, f"the engine ended with {code} after SIGTERM:\n{_tail(log)}"


def _ready(process: subprocess.Popen[str], log: Path) -> str:
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    assert process.stdout is not None
    # It prints one line or ends, so the thread ends too.
    threading.Thread(target=_first, args=(process.stdout, lines), daemon=True).start()
    try:
        line = lines.get(timeout=START_S)
    except queue.Empty:
        line = ""
    if found := READY.search(line):
        return found["url"]
    pytest.fail(f"the engine printed no ready line:\n{_tail(log)}")


def _first(stdout: IO[str], lines: queue.SimpleQueue[str]) -> None:
    lines.put(stdout.readline())


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]


@asynccontextmanager
async def serving(engine: Engine, ledger: Path) -> AsyncIterator[CompletionServiceAsyncStub]:
    """A gateway that knows the engine by both of its protocols, each over both transports."""
    chat = {"kind": "llamacpp", "base_url": f"{engine.url}/v1"}
    messages = {"kind": "anthropic", "base_url": engine.url, "api_key": "x"}
    settings = Settings.model_validate(
        {
            "server": {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "drain_s": 1},
            "providers": {
                "engine": chat,
                "engine-sdk": {**chat, "transport": "sdk"},
                "claude": messages,
                "claude-sdk": {**messages, "transport": "sdk"},
            },
            "retry": {"attempts": 1},
            "ledger": {"path": str(ledger)},
        }
    )
    async with running(settings) as gateway, dial(gateway.address) as channel:
        yield CompletionServiceStub(channel)


async def entries(ledger: Path) -> list[Entry]:
    """Every row of a ledger that no gateway has open, oldest first."""
    book = await asyncio.to_thread(open_sqlite, ledger)
    try:
        return list(reversed(await newest(book, TENANT, 100)))
    finally:
        await book.aclose()
