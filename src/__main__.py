"""`python -m hexgate`."""

from __future__ import annotations

from hexgate.entrypoints.cli import main

main()
