"""The benchmark runs; what it measures is nobody's assertion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.clients.conftest import BUILD_S, alone, need, run

ROOT = Path(__file__).parents[2]

# A first build downloads and compiles.
pytestmark = [pytest.mark.timeout(2 * BUILD_S), pytest.mark.xdist_group("bench")]


REMEDY = "install the Go release that bench/load/go.mod names"


def test_the_load_generator_and_the_mock_pass_their_own_tests() -> None:
    go = need("go", REMEDY)
    run(go, "vet", "./...", cwd=ROOT / "bench" / "load", within_s=BUILD_S)
    run(go, "test", "./...", cwd=ROOT / "bench" / "load", within_s=BUILD_S)


def test_every_scenario_runs_without_an_error(tmp_path: Path) -> None:
    need("go", REMEDY)
    out = tmp_path / "bench.json"
    command = [sys.executable, "bench/run.py", "--out", str(out)]
    brief = {**os.environ, "BENCH_ROUNDS": "1", "BENCH_SECONDS": "0.3"}
    with alone("go"):
        done = subprocess.run(
            command, cwd=ROOT, env=brief, capture_output=True, text=True, timeout=300, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(out.read_text())
