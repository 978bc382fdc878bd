"""Medians, spreads and ratios of what was measured, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from contenders import FLOOR

HEADER = (
    f"{'contender':<16}{'us':>9}{'least':>9}{'most':>9}{'x floor':>9}{'p50 ms':>9}{'p99 ms':>9}"
    f"{'calls/s':>9}{'load':>7}{'errors':>8}"
)


@dataclass(frozen=True, slots=True)
class Start:
    """One start: time from exec to the ready line, and memory at that moment."""

    contender: str
    ready_s: float
    idle_mb: float


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement; `load` is what the load generator printed."""

    number: int
    scenario: str
    unit: str
    contender: str
    load: dict[str, float]

    @property
    def cost_us(self) -> float:
        """CPU of the server per call, or per chunk that the provider sent."""
        return self.load[f"cpu_us_per_{self.unit}"]


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run."""

    starts: Sequence[Start]
    rounds: Sequence[Round]


def print_report(result: Result) -> None:
    """A table per scenario, and one of starts."""
    for scenario in dict.fromkeys(one.scenario for one in result.rounds):
        rounds = [one for one in result.rounds if one.scenario == scenario]
        print(f"\n{scenario}: CPU microseconds of the server per {rounds[0].unit}\n{HEADER}")
        for name in dict.fromkeys(one.contender for one in rounds):
            print(_row(name, rounds))
    print(f"\n{'contender':<16}{'ready s':>9}{'idle MB':>9}{'loaded MB':>11}")
    for name in dict.fromkeys(one.contender for one in result.starts):
        starts = [one for one in result.starts if one.contender == name]
        loaded = max(
            (one.load["rss_mb"] for one in result.rounds if one.contender == name), default=0.0
        )
        ready_s = median(one.ready_s for one in starts)
        idle_mb = median(one.idle_mb for one in starts)
        print(f"{name:<16}{ready_s:>9.2f}{idle_mb:>9.1f}{loaded:>11.1f}")


def ratio(contender: str, rounds: Sequence[Round]) -> float | None:
    """Median over the rounds of cost by the floor's in the same round; None without a floor."""
    floors = {one.number: one.cost_us for one in rounds if one.contender == FLOOR}
    ratios = [
        one.cost_us / floors[one.number]
        for one in rounds
        if one.contender == contender and floors.get(one.number)
    ]
    return median(ratios) if ratios else None


def to_json(result: Result) -> dict[str, object]:
    """Everything measured, and the ratios."""
    keys = dict.fromkeys((one.scenario, one.contender) for one in result.rounds)
    summary = []
    for scenario, contender in keys:
        rounds = [one for one in result.rounds if one.scenario == scenario]
        costs = [one.cost_us for one in rounds if one.contender == contender]
        summary.append(
            {
                "scenario": scenario,
                "contender": contender,
                "unit": rounds[0].unit,
                "median_us": median(costs),
                "least_us": min(costs),
                "most_us": max(costs),
                "ratio_to_floor": ratio(contender, rounds),
            }
        )
    return {
        "summary": summary,
        "starts": [asdict(one) for one in result.starts],
        "rounds": [asdict(one) for one in result.rounds],
    }


def _row(name: str, rounds: Sequence[Round]) -> str:
    own = [one for one in rounds if one.contender == name]
    costs = [one.cost_us for one in own]
    against_floor = ratio(name, rounds)
    shown = "" if against_floor is None else f"{against_floor:.2f}"
    rate = median(one.load["calls"] / one.load["seconds"] for one in own)
    # The load generator and the mock share a core: near 1, they and not the server set the pace.
    busy = median(one.load["load_cpu_share"] + one.load["mock_cpu_share"] for one in own)
    errors = sum(int(one.load["errors"]) for one in own)
    return (
        f"{name:<16}{median(costs):>9.1f}{min(costs):>9.1f}{max(costs):>9.1f}{shown:>9}"
        f"{median(one.load['p50_ms'] for one in own):>9.1f}"
        f"{median(one.load['p99_ms'] for one in own):>9.1f}"
        f"{rate:>9.0f}{busy:>7.2f}{errors:>8}"
    )
