"""`hexgate check-providers`: a line for each provider, and an exit code that a script can use."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hexgate.adapters.simulator import Simulator
from hexgate.entrypoints.checks import check_all
from hexgate.entrypoints.settings import Settings


async def said(providers: dict[str, object]) -> tuple[bool, list[str]]:
    """Whether all are fine, and the lines without their seconds."""
    lines: list[str] = []
    fine = await check_all(Settings.model_validate({"providers": providers}), lines.append)
    return fine, [re.sub(r"\d+\.\d\d s", "0.00 s", line) for line in lines]


async def test_every_provider_gets_a_line_in_the_order_of_the_configuration() -> None:
    async with Simulator() as simulator:
        other: dict[str, object] = {"kind": "openai_compatible", "base_url": simulator.openai_url}
        providers: dict[str, object] = {
            "simulated": {"kind": "simulator"},
            "good": {**other, "api_key": "sk-good"},
            "bad": {**other, "api_key": "invalid"},
            # Nothing listens where it is connected to.
            "off": {"kind": "vllm", "base_url": "http://127.0.0.1:1/v1"},
        }
        fine, lines = await said(providers)
    assert not fine
    assert lines[:2] == ["simulated  ok      0.00 s", "good       ok      0.00 s"]
    assert lines[2].startswith("bad        failed  0.00 s  PROVIDER_AUTH_FAILED: bad ")
    assert lines[3].startswith("off        failed  0.00 s  PROVIDER_ERROR: off ")
    assert len(lines) == 4


async def test_all_are_fine_when_each_is() -> None:
    assert await said({"sim": {"kind": "simulator"}}) == (True, ["sim  ok      0.00 s"])


@pytest.mark.parametrize(("key", "code"), [("sk-good", 0), ("invalid", 1)])
async def test_the_command_exits_with_1_when_one_fails(tmp_path: Path, key: str, code: int) -> None:
    async with Simulator() as simulator:
        file = tmp_path / "hexgate.yaml"
        file.write_text(
            f"providers:\n  one: {{kind: openai_compatible, base_url: {simulator.openai_url},"
            f' api_key: "{key}"}}\n'
        )
        done = await _run("--config", str(file), folder=tmp_path)
    assert (done.returncode, done.stdout.split()[:2]) == (code, ["one", "failed" if code else "ok"])


async def test_a_bad_configuration_is_no_failed_check(tmp_path: Path) -> None:
    done = await _run("--config", "none.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert "none.yaml" in done.stderr


async def _run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command in an empty folder with a bare environment, while the simulator goes on."""
    bare = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "hexgate", "check-providers", *arguments],
        cwd=folder,
        env=bare,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
