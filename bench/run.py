"""Measure what the gateway costs beyond the least possible, in interleaved rounds on two cores."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from contenders import ROOT, Contender, floor, gateway
from processes import NotReady, Process, cores, pinned, started
from report import Result, Round, Start, print_report, to_json
from scenarios import SCENARIOS, Scenario

STARTS = 3  # of each gateway, for the time to ready
GRACE_S = 60  # beyond warm-up and window, until a measurement counts as hung


@dataclass(frozen=True, slots=True)
class Rig:
    """What stays the same for every measurement."""

    load: Path
    mock: Process
    core: int | None
    seconds: float
    warmup_s: float
    work: Path


def main() -> None:
    """Build, start, measure, print, write."""
    arguments = _arguments()
    server_core, load_core = cores()
    if server_core is None:
        print("one core only: the server shares it with the load, so trust nothing but errors")
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hexgate-bench-")))
        binaries = _build()
        mock = stack.enter_context(
            started((str(binaries / "mock"),), core=load_core, cwd=ROOT, log=work / "mock.log")
        )
        rig = Rig(binaries / "load", mock, load_core, arguments.seconds, arguments.warmup, work)
        chosen = _contenders(arguments, f"http://{mock.address}", work)
        starts, running = _start(stack, chosen, server_core, work)
        scenarios = [one for one in SCENARIOS if one.name in arguments.scenario]
        result = Result(starts, _rounds(rig, scenarios, running, arguments.rounds))
    print_report(result)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(to_json(result), indent=1) + "\n")
    print(f"\nwritten to {arguments.out}")
    if any(one.load["errors"] for one in result.rounds):
        sys.exit("some calls failed; the figures of those rounds mean nothing")


def _arguments() -> argparse.Namespace:
    names = [scenario.name for scenario in SCENARIOS]
    env = os.environ
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=int(env.get("BENCH_ROUNDS", "5")))
    parser.add_argument("--seconds", type=float, default=float(env.get("BENCH_SECONDS", "2")))
    parser.add_argument("--warmup", type=float, default=0.5, help="seconds of load not measured")
    parser.add_argument("--scenario", nargs="+", choices=names, default=names)
    parser.add_argument("--against", type=Path, help="another checkout, with its own .venv")
    parser.add_argument(
        "--only", nargs="+", help="contenders to run, by name, instead of all of them"
    )
    parser.add_argument("--out", type=Path, default=ROOT / ".work" / "bench.json")
    return parser.parse_args()


def _build() -> Path:
    binaries = ROOT / ".work" / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    command = ("go", "build", "-o", f"{binaries}/", "./cmd/mock", "./cmd/load")
    subprocess.run(command, cwd=ROOT / "bench" / "load", check=True)
    return binaries


def _contenders(arguments: argparse.Namespace, provider: str, work: Path) -> list[Contender]:
    known = [
        floor(provider),
        gateway("gateway", provider, work, ledger="sqlite"),
        gateway("gateway-memory", provider, work, ledger="memory"),
    ]
    if arguments.against is not None:
        other = arguments.against.resolve()
        known.insert(2, gateway("against", provider, work, ledger="sqlite", root=other))
    if arguments.only is None:
        return known
    if strange := set(arguments.only) - {one.name for one in known}:
        sys.exit(f"--only: unknown {sorted(strange)}, known are {[one.name for one in known]}")
    return [one for one in known if one.name in arguments.only]


def _start(
    stack: ExitStack, chosen: Sequence[Contender], core: int | None, work: Path
) -> tuple[list[Start], list[tuple[str, Process]]]:
    """Start each contender a few times and keep the last; all stay up and idle until their turn."""
    starts, running = [], []
    for contender in chosen:
        for attempt in range(STARTS):
            keep = stack if attempt == STARTS - 1 else ExitStack()
            log = work / f"{contender.name}.log"
            server = started(contender.command, core=core, cwd=contender.cwd, log=log)
            try:
                process = keep.enter_context(server)
            except NotReady as error:
                sys.exit(str(error))
            starts.append(Start(contender.name, process.ready_s, process.resident_mb()))
            if keep is not stack:
                keep.close()
        running.append((contender.name, process))
    return starts, running


def _rounds(
    rig: Rig, scenarios: Sequence[Scenario], running: Sequence[tuple[str, Process]], rounds: int
) -> list[Round]:
    """Contenders take turns within each round, so that a noisy minute hits them all."""
    done = []
    for number in range(rounds):
        for scenario in scenarios:
            for name, process in running:
                load = _measure(rig, scenario, process)
                done.append(Round(number, scenario.name, scenario.unit, name, load))
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return done


def _measure(rig: Rig, scenario: Scenario, server: Process) -> dict[str, float]:
    request = rig.work / f"{scenario.name}.bin"
    request.write_bytes(scenario.request())
    command = [
        str(rig.load),
        f"-target={server.address}",
        f"-method={scenario.method}",
        f"-request={request}",
        f"-stream={str(bool(scenario.chunks)).lower()}",
        f"-concurrency={scenario.concurrency}",
        f"-min-bytes={scenario.min_bytes}",
        f"-warmup={rig.warmup_s}s",
        f"-window={rig.seconds}s",
        f"-pids={','.join(map(str, server.pids()))}",
        f"-mock-pid={rig.mock.popen.pid}",
        f"-counters=http://{rig.mock.address}/counters",
    ]
    limit_s = rig.warmup_s + rig.seconds + GRACE_S
    with pinned(rig.core):
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=limit_s, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    if why := measured.pop("first_error", None):
        print(f"{scenario.name}: {why}", file=sys.stderr)
    return measured


if __name__ == "__main__":
    main()
