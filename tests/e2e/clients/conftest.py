"""The toolchains of the clients, and what they build."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLIENTS = ROOT / "clients"
WORK = ROOT / ".work"  # ignored by git
BUILD_S = 600.0
RUN_S = 60.0


def need(tool: str, remedy: str) -> str:
    """The path of a tool. Without it the test is skipped, or fails where CI=true."""
    if found := shutil.which(tool):
        return found
    message = f"{tool} is missing: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def run(
    *command: str | Path, cwd: Path = ROOT, within_s: float = RUN_S, succeeds: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; when it must succeed, a failure shows all that it printed."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=within_s, check=False
    )
    shown = " ".join(map(str, command))
    assert not succeeds or done.returncode == 0, f"{shown}\n{done.stdout}\n{done.stderr}"
    return done


@contextmanager
def alone(name: str) -> Iterator[None]:
    """One builder at a time, whatever the number of test processes."""
    WORK.mkdir(exist_ok=True)
    with (WORK / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def go() -> str:
    """The Go command."""
    return need("go", "install the Go release that clients/go/go.mod names")


def built(go: str, module: Path, package: str, name: str) -> Path:
    """Build one Go program into the work folder."""
    binary = WORK / "bin" / name
    with alone("go"):
        run(go, "build", "-o", binary, package, cwd=module, within_s=BUILD_S)
    return binary


@pytest.fixture(scope="session")
def go_example(go: str) -> Path:
    """The Go example, built."""
    return built(go, CLIENTS / "go", "./example", "go-example")


@pytest.fixture(scope="session")
def grpcurl(go: str) -> Path:
    """grpcurl, in the version that clients/tools/go.mod pins."""
    package = "github.com/fullstorydev/grpcurl/cmd/grpcurl"
    return built(go, CLIENTS / "tools", package, "grpcurl")


@pytest.fixture(scope="session")
def node() -> str:
    """The Node command."""
    return need("node", "install Node.js 20 or newer")


@pytest.fixture(scope="session")
def typescript(node: str) -> Path:
    """The TypeScript package's folder, with what it depends on installed, and built."""
    npm = need("npm", "install Node.js 20 or newer")
    package = CLIENTS / "typescript"
    with alone("typescript"):
        if not _installed(package):
            run(npm, "ci", "--no-audit", "--no-fund", cwd=package, within_s=BUILD_S)
        run(npm, "run", "build", cwd=package, within_s=BUILD_S)
    return package


def _installed(package: Path) -> bool:
    done = package / "node_modules" / ".package-lock.json"  # npm writes it last
    return done.exists() and done.stat().st_mtime >= (package / "package-lock.json").stat().st_mtime


@pytest.fixture(scope="session")
def buf() -> str:
    """The buf command of this environment."""
    beside = Path(sys.executable).with_name("buf")
    return str(beside) if beside.exists() else need("buf", "run `make setup`")
