"""The gateway as a process of its own, without any configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from grpc import aio
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from hexgate.client import dial, explain
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1 import generation_pb2
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.e2e.conftest import Gateway, serving
from tests.entrypoints.grpc.conftest import streamed, whole

ROOT = Path(__file__).parents[2]
STORY = "sim/sim-story"
Change = Callable[[pb.CompleteRequest], object]


async def test_an_answer_has_tokens_and_a_cost_whole_and_streamed_alike(gateway: Gateway) -> None:
    async with dial(gateway.address) as channel:
        stub = CompletionServiceStub(channel)
        answer = await stub.Complete(whole(model=STORY), timeout=60)
        got = [event async for event in stub.StreamComplete(streamed(model=STORY), timeout=60)]
    ends = got[-1].finished
    assert "".join(event.text.text for event in got) == answer.message.parts[0].text.text
    assert (ends.usage, ends.cost, ends.finish_reason) == (
        answer.usage,
        answer.cost,
        answer.finish_reason,
    )
    assert answer.usage.output_tokens > 0
    # The simulator's play money: a dollar per million tokens in, two out.
    expected = answer.usage.input_tokens * 1_000 + answer.usage.output_tokens * 2_000
    assert answer.cost.total_nanos == expected


@pytest.mark.parametrize(
    ("change", "code", "reason", "field"),
    [
        (lambda r: setattr(r.spec, "model", "nobody/x"), "NOT_FOUND", "MODEL_NOT_FOUND", None),
        (lambda r: setattr(r.spec, "model", "sim/x"), "NOT_FOUND", "MODEL_NOT_FOUND", None),
        (
            lambda r: setattr(r.spec.params, "max_output_tokens", -1),
            "INVALID_ARGUMENT",
            "INVALID_REQUEST",
            "spec.params.max_output_tokens",
        ),
        (
            lambda r: r.spec.ClearField("messages"),
            "INVALID_ARGUMENT",
            "INVALID_REQUEST",
            "spec.messages",
        ),
        (
            lambda r: setattr(r.spec.messages[0].parts[0].text, "text", "x" * (40 << 20)),
            "INVALID_ARGUMENT",
            "INVALID_REQUEST",
            "spec",
        ),
        (
            lambda r: r.spec.tools.append(
                generation_pb2.ToolDefinition(name="t", parameters_schema_json="{bad")
            ),
            "INVALID_ARGUMENT",
            "INVALID_REQUEST",
            "spec.tools[0].parameters_schema_json",
        ),
    ],
    ids=["provider", "model", "negative", "empty", "40-mb", "schema"],
)
async def test_a_bad_request_gets_its_status_reason_and_field(
    gateway: Gateway, change: Change, code: str, reason: str, field: str | None
) -> None:
    request = whole(model=STORY)
    change(request)
    async with dial(gateway.address) as channel:
        with pytest.raises(aio.AioRpcError) as caught:
            await CompletionServiceStub(channel).Complete(request, timeout=60)
    problem = explain(caught.value)
    assert (problem.code, problem.reason) == (grpc.StatusCode[code], reason)
    assert [violation.field for violation in problem.violations] == (
        [] if field is None else [field]
    )
    if reason == "MODEL_NOT_FOUND":
        assert problem.metadata["model"] in request.spec.model


def test_the_schema_that_is_served_is_the_one_in_the_repository(gateway: Gateway) -> None:
    with grpc.insecure_channel(gateway.address) as channel:
        served = ProtoReflectionDescriptorDatabase(channel)
        file = served.FindFileContainingSymbol("hexgate.v1.CompletionService")
    assert MessageToDict(file)["name"] == "hexgate/v1/completion_service.proto"
    assert file.SerializeToString() == pb.DESCRIPTOR.serialized_pb


def hexgate(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in an empty folder with a bare environment."""
    bare = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}
    command = [sys.executable, "-m", "hexgate", *arguments]
    return subprocess.run(
        command, cwd=folder, env=bare, capture_output=True, text=True, timeout=60, check=False
    )


def test_chat_streams_to_the_terminal_and_shows_tokens_and_cost(
    gateway: Gateway, tmp_path: Path
) -> None:
    for way in ((), ("--unary",)):
        done = hexgate(
            "chat",
            "sim/sim-echo",
            "Hello there",
            "--address",
            gateway.address,
            *way,
            folder=tmp_path,
        )
        assert (done.returncode, done.stdout) == (0, "Hello there\n")
        assert "sim/sim-echo: 3 tokens in, 3 out, $0.000009000" in done.stderr


def test_chat_explains_an_error_and_fails(gateway: Gateway, tmp_path: Path) -> None:
    done = hexgate("chat", "nobody/x", "Hi", "--address", gateway.address, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("NOT_FOUND: MODEL_NOT_FOUND: ")


def test_a_port_that_is_taken_is_said_and_ends_the_server(gateway: Gateway, tmp_path: Path) -> None:
    done = hexgate(
        "serve",
        "--listen",
        gateway.address,
        "--admin-listen",
        "127.0.0.1:0",
        folder=tmp_path,
        DEFAULT_LLM_PROVIDER="sim",
    )
    assert done.returncode == 2
    assert f"server.listen: cannot listen on {gateway.address}" in done.stderr


def test_a_configuration_is_checked_whole_and_described(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("providers:\n  sim: {kind: simulator, sed: 1}\nserve: {}\n")
    bad = hexgate("check-config", "bad.yaml", folder=tmp_path)
    assert bad.returncode == 2
    assert "bad.yaml:2: providers.sim.sed" in bad.stderr
    assert "bad.yaml:3: serve" in bad.stderr
    (tmp_path / "good.yaml").write_text('providers:\n  openai: {kind: openai, api_key: "${KEY}"}\n')
    good = hexgate("check-config", "good.yaml", folder=tmp_path, KEY="sk-very-secret")
    assert good.returncode == 0
    assert "openai" in good.stdout
    assert "very-secret" not in good.stdout + good.stderr


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    from hexgate import __version__

    assert hexgate("version", folder=tmp_path).stdout == f"{__version__}\n"


def test_every_command_of_the_readme_exists(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    for command in (
        "serve",
        "chat",
        "usage",
        "budgets",
        "check-config",
        "check-providers",
        "simulate",
    ):
        assert f"hexgate {command}" in readme
        assert hexgate(command, "--help", folder=tmp_path).returncode == 0


async def test_a_prompt_of_megabytes_reaches_the_provider(gateway: Gateway) -> None:
    async with dial(gateway.address) as channel:
        with pytest.raises(aio.AioRpcError) as caught:
            await CompletionServiceStub(channel).Complete(
                whole("x" * (5 << 20), "sim/sim-echo"), timeout=60
            )
    problem = explain(caught.value)
    assert problem.reason == "CONTEXT_WINDOW_EXCEEDED"
    assert problem.failure is not None
    assert [attempt.provider for attempt in problem.failure.attempts] == ["sim"]


def test_the_example_of_the_readme_is_a_good_configuration(tmp_path: Path) -> None:
    example = ROOT / "examples" / "hexgate.yaml"
    keys = {"OPENAI_API_KEY": "sk-x", "ANTHROPIC_API_KEY": "sk-y"}
    assert hexgate("check-config", str(example), folder=tmp_path, **keys).returncode == 0
    unchecked = tmp_path / "unchecked.yaml"  # nothing shall leave this machine
    unchecked.write_text(example.read_text().replace("  interval_s: ", "  # interval_s: "))
    with serving(tmp_path, "--config", str(unchecked), **keys) as gateway:
        asked = ("chat", "sim/sim-echo", "Hello there", "--address", gateway.address)
        assert hexgate(*asked, folder=tmp_path).stdout == "Hello there\n"
