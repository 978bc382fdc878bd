"""Fail when the committed Python stubs differ from what the protos generate."""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Generate into a temporary folder and compare. Returns the exit code."""
    protos = sorted(str(path) for path in (ROOT / "protos").rglob("*.proto"))
    tools = Path(sys.executable).parent
    environ = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"}
    outputs = ("python", "grpc_python", "mypy", "mypy_grpc")
    with tempfile.TemporaryDirectory() as folder:
        outs = [
            f"--{name}_out={'quiet:' if name.startswith('mypy') else ''}{folder}"
            for name in outputs
        ]
        command = [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"-I{ROOT / 'protos'}",
            *outs,
            *protos,
        ]
        subprocess.run(command, check=True, env=environ)
        fresh = Path(folder, "hexgate", "v1")
        kept = ROOT / "src" / "v1"
        names = {path.name for path in fresh.iterdir()}
        names |= {path.name for path in kept.glob("*_pb2*")}
        stale = [
            name
            for name in sorted(names)
            if not (kept / name).exists()
            or not (fresh / name).exists()
            or not filecmp.cmp(kept / name, fresh / name, shallow=False)
        ]
    if stale:
        print("stale stubs, run `make gen`:", *stale, sep="\n  ")
        return 1
    print(f"{len(names)} stubs are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
