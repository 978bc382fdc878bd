"""Every client package and every command-line client against the same running gateway."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.clients.conftest import BUILD_S, CLIENTS, ROOT, alone, run
from tests.e2e.conftest import Gateway

# A first build downloads and compiles.
pytestmark = pytest.mark.timeout(2 * BUILD_S)

COMPLETIONS = "hexgate.v1.CompletionService"


def ask(model: str) -> str:
    """A request to a model, as JSON."""
    message = {"role": "ROLE_USER", "parts": [{"text": {"text": "Hello, gateway!"}}]}
    return json.dumps({"spec": {"model": model, "messages": [message]}})


STEPS = ["unary", "stream", "tools", "tools", "embed", "usage", "errors", "errors", "cancel"]


def check(done: subprocess.CompletedProcess[str], *more: str) -> None:
    """An example tells of every step, in order."""
    steps = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert steps == [*STEPS, *more]
    assert "embed: 2 vectors of 64 numbers" in done.stdout
    assert "usage: the session cost " in done.stdout
    assert "MODEL_NOT_FOUND" in done.stdout
    assert "PROVIDER_RATE_LIMITED, retry after" in done.stdout


class TestGo:
    def test_the_example_makes_every_kind_of_call(self, go_example: Path, gateway: Gateway) -> None:
        done = run(go_example, gateway.address, gateway.admin_address)
        check(done, "admin")
        assert "a call would go to sim/sim-echo" in done.stdout

    def test_the_package_passes_its_own_checks(self, go: str) -> None:
        run(go, "vet", "./...", cwd=CLIENTS / "go", within_s=BUILD_S)
        run(go, "test", "./...", cwd=CLIENTS / "go", within_s=BUILD_S)


class TestTypeScript:
    def test_the_example_makes_every_kind_of_call(
        self, node: str, typescript: Path, gateway: Gateway
    ) -> None:
        example = typescript / "dist" / "example.js"
        done = run(node, example, gateway.address, gateway.admin_address)
        check(done, "admin")
        assert "a call would go to sim/sim-echo" in done.stdout

    def test_the_package_passes_its_own_tests(self, node: str, typescript: Path) -> None:
        run(node, "--test", "--test-timeout=20000", typescript / "dist" / "hexgate.test.js")

    def test_the_lock_names_no_registry(self) -> None:
        lock = (CLIENTS / "typescript" / "package-lock.json").read_text()
        assert '"resolved"' not in lock
        assert "://" not in lock


def same(fresh: Path, kept: Path) -> None:
    """Two folders hold the same files."""
    files = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    assert files
    assert files == {path.relative_to(kept) for path in kept.rglob("*") if path.is_file()}
    assert [
        name for name in files if (fresh / name).read_bytes() != (kept / name).read_bytes()
    ] == []


class TestStubs:
    """What is committed is what the protos generate; if not, run `make gen-clients`."""

    @pytest.mark.usefixtures("go")
    def test_those_of_go_are_fresh(self, tmp_path: Path) -> None:
        with alone("go"):
            run(CLIENTS / "go" / "gen.sh", tmp_path, within_s=BUILD_S)
        same(tmp_path / "hexgate", CLIENTS / "go" / "hexgate")

    @pytest.mark.usefixtures("typescript")
    def test_those_of_typescript_are_fresh(self, tmp_path: Path) -> None:
        run(CLIENTS / "typescript" / "gen.sh", tmp_path / "gen", within_s=BUILD_S)
        same(tmp_path / "gen", CLIENTS / "typescript" / "src" / "gen")


class TestPython:
    def test_the_example_makes_every_kind_of_call(self, gateway: Gateway) -> None:
        example = CLIENTS / "python" / "example.py"
        check(run(sys.executable, "-W", "error", example, gateway.address))


class TestGrpcurl:
    def test_it_lists_and_describes_the_services(self, grpcurl: Path, gateway: Gateway) -> None:
        listed = run(grpcurl, "-plaintext", gateway.address, "list").stdout.splitlines()
        assert {COMPLETIONS, "hexgate.v1.ModelService", "grpc.health.v1.Health"} <= set(listed)
        described = run(grpcurl, "-plaintext", gateway.address, "describe", COMPLETIONS).stdout
        assert "rpc StreamComplete" in described

    def test_the_commands_of_the_readme_work(self, grpcurl: Path, gateway: Gateway) -> None:
        readme = (ROOT / "README.md").read_text().replace("\\\n", " ")
        commands = [line for line in readme.splitlines() if line.startswith("grpcurl ")]
        assert len(commands) == 5
        for command in commands:
            public = command.replace("localhost:50051", gateway.address)
            words = shlex.split(public.replace("localhost:50052", gateway.admin_address))
            assert run(grpcurl, *words[1:]).stdout

    def test_the_commands_of_the_page_of_the_ledger_work(
        self, grpcurl: Path, gateway: Gateway
    ) -> None:
        page = (ROOT / "docs" / "ledger.md").read_text().replace("\\\n", " ")
        commands = [line for line in page.splitlines() if line.startswith("grpcurl ")]
        assert {command.rpartition("/")[2] for command in commands} >= {
            "SummarizeUsage",
            "ListUsageRecords",
            "ExportUsage",
        }
        for command in commands:
            public = command.replace("localhost:50051", gateway.address)
            words = shlex.split(public.replace("localhost:50052", gateway.admin_address))
            assert run(grpcurl, *words[1:]).stdout

    def test_it_embeds(self, grpcurl: Path, gateway: Gateway) -> None:
        inputs = [{"parts": [{"text": {"text": text}}]} for text in ("one", "two", "one")]
        request = json.dumps({"model": "sim/sim-echo", "inputs": inputs, "dimensions": 8})
        call = ["-plaintext", "-d", request, gateway.address, "hexgate.v1.EmbeddingService/Embed"]
        answer = json.loads(run(grpcurl, *call).stdout)
        first, second, third = (vector["values"] for vector in answer["embeddings"])
        assert first == third != second
        assert len(first) == 8
        # The simulator's play money: a dollar per million tokens.
        tokens = int(answer["usage"]["input_tokens"])
        assert int(answer["cost"]["total_nanos"]) == tokens * 1_000

    def test_it_checks_a_provider(self, grpcurl: Path, gateway: Gateway) -> None:
        method = "hexgate.v1.AdminService/CheckProvider"
        call = ["-plaintext", "-d", '{"provider": "sim"}', gateway.admin_address, method]
        assert json.loads(run(grpcurl, *call).stdout)["ok"] is True

    def test_it_makes_a_unary_call(self, grpcurl: Path, gateway: Gateway) -> None:
        call = ["-plaintext", "-d", ask("sim/sim-echo"), gateway.address, f"{COMPLETIONS}/Complete"]
        answer = json.loads(run(grpcurl, *call).stdout)
        assert answer["message"]["role"] == "ROLE_ASSISTANT"
        assert answer["message"]["parts"][0]["text"]["text"]

    def test_it_shows_the_reason_of_an_error(self, grpcurl: Path, gateway: Gateway) -> None:
        call = ["-plaintext", "-d", ask("sim/none"), gateway.address, f"{COMPLETIONS}/Complete"]
        done = run(grpcurl, *call, succeeds=False)
        assert done.returncode == 64 + 5, done.stderr  # 64 and the code of NOT_FOUND
        assert "google.rpc.ErrorInfo" in done.stderr
        assert "MODEL_NOT_FOUND" in done.stderr


class TestBufCurl:
    def curl(self, buf: str, gateway: Gateway, method: str, request: str) -> list[object]:
        """The messages of one call, which finds its schema by reflection."""
        plain = ["--protocol", "grpc", "--http2-prior-knowledge", "--data", request]
        url = f"http://{gateway.address}/{COMPLETIONS}/{method}"
        return _objects(run(buf, "curl", *plain, url).stdout)

    def test_it_makes_a_unary_call(self, buf: str, gateway: Gateway) -> None:
        (answer,) = self.curl(buf, gateway, "Complete", ask("sim/sim-echo"))
        assert isinstance(answer, dict)
        assert answer["finishReason"] == "FINISH_REASON_STOP"

    def test_it_reads_a_stream(self, buf: str, gateway: Gateway) -> None:
        events = self.curl(buf, gateway, "StreamComplete", ask("sim/sim-story"))
        kinds = [key for event in events if isinstance(event, dict) for key in event]
        assert kinds.count("started") == kinds.count("finished") == 1
        assert "text" in kinds


def _objects(text: str) -> list[object]:
    """JSON values that follow one another."""
    found, decoder, rest = [], json.JSONDecoder(), text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found
