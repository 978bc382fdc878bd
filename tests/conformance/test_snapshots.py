"""The requests that are sent, as they were when somebody last looked at them."""

from __future__ import annotations

import pytest

from tests.conformance import snapshots
from tests.conformance.snapshots import SPEAKERS, Speaker

# Usage exports of vendors are read by no dialect.
NO_DIALECTS = {"__pycache__", "exports"}


@pytest.mark.parametrize("speaker", SPEAKERS, ids=lambda each: f"{each.folder}-{each.name}")
def test_requests_are_those_of_the_snapshot(speaker: Speaker) -> None:
    """Look at the difference; if it is meant: .venv/bin/python -m tests.conformance.snapshots."""
    assert snapshots.file(speaker).read_text(encoding="utf-8") == snapshots.text(speaker)


def test_every_dialect_has_a_snapshot() -> None:
    folders = {path.name for path in snapshots.DATA.iterdir() if path.is_dir()}
    assert {speaker.folder for speaker in SPEAKERS} == folders - NO_DIALECTS
