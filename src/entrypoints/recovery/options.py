"""The options of `hexgate ledger`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
File: TypeAlias = Annotated[
    Path,
    typer.Argument(
        help="The export: pages of OpenAI's usage or costs API or of Anthropic's usage or cost "
        "report, or CSV or JSON lines of one's own."
    ),
]
Provider: TypeAlias = Annotated[
    str, typer.Option(help="The provider whose export it is, by its name in the configuration.")
]
Since: TypeAlias = Annotated[
    str,
    typer.Option(
        help="The first day: a date or time, in UTC, or 7d ago. [default: the export's first]"
    ),
]
Until: TypeAlias = Annotated[
    str, typer.Option(help="Where it ends, likewise; a day that has begun is whole.")
]
Tolerance: TypeAlias = Annotated[
    str, typer.Option(help="The share by which figures may differ without being marked.")
]
Output: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write; .jsonl has its format.")
]
