"""The options of `hexgate usage` and `hexgate budgets`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Measured: TypeAlias = Annotated[
    Literal["cost", "tokens", "calls"],
    typer.Argument(help="What bars show, and lines are in the order of."),
]
Since: TypeAlias = Annotated[
    str, typer.Option(help="Where it begins: 30m, 24h, 7d ago, or a date or time, in UTC.")
]
Until: TypeAlias = Annotated[str, typer.Option(help="Where it ends, likewise. [default: now]")]
By: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="Split by at most 3 of: provider, model, agent, session, user, key, label:KEY, day, "
        "hour. With commas, or several times."
    ),
]
Provider: TypeAlias = Annotated[str, typer.Option(help="Only of this provider.")]
Model: TypeAlias = Annotated[
    str, typer.Option(help="Only of this model, by its provider's name for it.")
]
Session: TypeAlias = Annotated[str, typer.Option(help="Only of this session.")]
User: TypeAlias = Annotated[str, typer.Option(help="Only of this end user.")]
Agent: TypeAlias = Annotated[str, typer.Option(help="Only of this agent.")]
Key: TypeAlias = Annotated[str, typer.Option(help="Only of the caller's key of this id.")]
Label: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="Only with this label, key=value. Several times.")
]
Plot: TypeAlias = Annotated[bool, typer.Option("--plot", help="Draw bars.")]
Records: TypeAlias = Annotated[
    bool, typer.Option("--records", help="Show single calls, the newest first.")
]
Format: TypeAlias = Annotated[
    Literal["table", "csv", "jsonl"] | None,
    typer.Option("--format", help="[default: table on a terminal, else csv]"),
]
Output: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write; .jsonl has its format.")
]
Top: TypeAlias = Annotated[
    int, typer.Option(min=0, help="Lines of a table or chart at most; 0 is all.")
]
Address: TypeAlias = Annotated[str, typer.Option(help="host:port of the gateway.")]
Timeout: TypeAlias = Annotated[
    float, typer.Option("--timeout-s", help="Give up after so many seconds.")
]
