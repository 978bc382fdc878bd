"""What is kept of names has a bound."""

from __future__ import annotations

from hexgate.application.names import MAX_CHARS, MAX_NAMES, Names
from hexgate.domain.catalog import Target
from hexgate.domain.routing import Routes
from tests.application.houses import Shop


def test_names_that_callers_make_up_are_kept_within_bounds() -> None:
    names = Names(Routes(providers={"a": "known"}), Shop().vendors_of, lambda: 0.0)
    for n in range(MAX_NAMES + 10):
        assert names.group(f"a/{n}").members[0].target == Target("a", str(n))
        names.turn(str(n), peek=False)
    long = "x" * (MAX_CHARS + 1)
    assert names.group(f"a/{long}").members[0].target.model == long
    assert len(names._groups) == len(names._turns) == MAX_NAMES
    assert f"a/{long}" not in names._groups
    assert names.turn(str(MAX_NAMES), peek=True) == 1
    assert names.turn("0", peek=True) == 0
