"""What the pages tell people to write is taken as it stands there."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.message import Message

from hexgate.entrypoints.config.load import load
from hexgate.v1 import (
    admin_service_pb2,
    completion_service_pb2,
    embedding_service_pb2,
    usage_service_pb2,
)

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "docs/configuration.md",
    "docs/resilience.md",
    "docs/interactions.md",
    "docs/ledger.md",
)
ADDRESSES = {
    "localhost:50051": (completion_service_pb2, embedding_service_pb2, usage_service_pb2),
    "localhost:50052": (admin_service_pb2,),
}
KEYS = ("OPENAI_API_KEY", "OPENAI_API_KEYS", "ANTHROPIC_API_KEY", "OPENAI_KEY_A", "OPENAI_KEY_B")
VARIABLES = {
    **{name: f"sk-{name}" for name in KEYS},
    "LEDGER_URL": "postgresql://hexgate@db.example.com/hexgate",
    "ALERT_URL": "https://hooks.test/t0ken",
    "ALERT_SECRET": "whsec",
}
PROVIDERS = """\
providers:
  openai: {kind: openai, api_key: k}
  anthropic: {kind: anthropic, api_key: k}
  local: {kind: ollama}
"""


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page in one language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def completed(text: str) -> str:
    """A whole configuration: a piece of one gets providers."""
    return text if re.search("^providers:", text, re.MULTILINE) else PROVIDERS + text


def commands(page: str) -> list[str]:
    """The calls of a page, with what a file that they read holds in its place."""
    found, told = [], ""
    for language, text in re.findall(
        r"^```(sh|json)\n(.*?)^```$", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL
    ):
        if language == "json":
            told = text.strip()
        for line in text.replace("\\\n", " ").splitlines() if language == "sh" else ():
            if line.startswith("grpcurl "):
                call = line.partition(" < ")[0]
                found.append(call.replace("-d @", f"-d {shlex.quote(told)}"))
    return found


@dataclass(frozen=True, slots=True)
class Called:
    """One call of a page: `service/method`, what it asks, and the class of what it gets."""

    method: str
    request: Message
    answer: type[Message]


def called(command: str) -> Called:
    """What a command of grpcurl calls, at the port on which that is served."""
    tool, plain, flag, body, address, method = shlex.split(command)
    assert (tool, plain, flag) == ("grpcurl", "-plaintext", "-d")
    service, _, name = method.partition("/")
    served = (file.DESCRIPTOR.services_by_name.values() for file in ADDRESSES[address])
    assert service in {one.full_name for each in served for one in each}
    found = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
    request = message_factory.GetMessageClass(found.input_type)()
    json_format.ParseDict(json.loads(body), request)
    return Called(method, request, message_factory.GetMessageClass(found.output_type))


def named(page: str, texts: list[str]) -> list[object]:
    """One parameter for each text, called by its page."""
    return [pytest.param(text, id=f"{page}-{place}") for place, text in enumerate(texts)]


@pytest.mark.parametrize(
    "text", [case for page in PAGES for case in named(page, blocks(page, "yaml"))]
)
def test_every_piece_of_configuration_is_accepted(text: str, tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    (tmp_path / "key").write_text("sk-3")
    path.write_text(completed(text), encoding="utf-8")
    load(path, VARIABLES, dotenv=None)


@pytest.mark.parametrize(
    "command", [case for page in PAGES for case in named(page, commands(page))]
)
def test_every_call_is_one_of_the_contract(command: str) -> None:
    if not command.endswith((" list", " describe hexgate.v1.CompletionService")):
        assert called(command).request.ByteSize()


def test_the_page_of_resilience_has_its_examples() -> None:
    page = "docs/resilience.md"
    assert sum("fallback:" in text for text in blocks(page, "yaml")) == 3
    methods = {command.rpartition("/")[2] for command in commands(page)}
    assert methods == {
        "ListTargets",
        "SetTargetState",
        "ExplainRoute",
        "ListProviderKeys",
        "ReplaceProviderKeys",
    }
