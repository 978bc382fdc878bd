"""Who is measured: the floor, the gateway with either ledger, the gateway of another checkout."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOOR = "floor"

CONFIG = """\
server: {{max_calls: 5000}}
providers:
  mock:
    kind: openai_compatible
    base_url: {provider}/v1
    api_key: x
    limits: {{requests_per_minute: 100000000, tokens_per_minute: 1000000000, concurrency: 5000}}
models:
  cards:
    mock/mock-unary: {card}
    mock/mock-n200-d0: {card}
    mock/mock-n100-d10: {card}
retry: {{attempts: 3}}
breaker: {{failures: 5}}
ledger: {{backend: {ledger}, path: {path}}}
"""
CARD = "{price: {input_usd_per_mtok: 1, output_usd_per_mtok: 4}}"


@dataclass(frozen=True, slots=True)
class Contender:
    """A server to compare: what to run, and where."""

    name: str
    command: tuple[str, ...]
    cwd: Path


def floor(provider: str) -> Contender:
    """What everything else is compared to."""
    command = (sys.executable, str(ROOT / "bench" / "floor.py"), "--provider", provider)
    return Contender(FLOOR, command, ROOT)


def gateway(name: str, provider: str, work: Path, *, ledger: str, root: Path = ROOT) -> Contender:
    """A gateway with limits, breaker, retry and the ledger (`sqlite` or `memory`) all on.

    `root` is the checkout it is run from, by that checkout's own `.venv`.
    """
    config = work / f"{name}.yaml"
    path = work / f"{name}.db"
    config.write_text(CONFIG.format(provider=provider, card=CARD, ledger=ledger, path=path))
    python = sys.executable if root == ROOT else str(root / ".venv" / "bin" / "python")
    serve = ("-m", "hexgate", "serve", "--config", str(config))
    listen = ("--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
    return Contender(name, (python, *serve, *listen), root)
