"""A folder with a configuration file in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hexgate.entrypoints.config.errors import ConfigError
from hexgate.entrypoints.config.load import load
from hexgate.entrypoints.settings import Settings

Load = Callable[..., Settings]
Refused = Callable[..., list[str]]


@pytest.fixture
def from_text(tmp_path: Path) -> Load:
    """Load a file with this text."""

    def go(text: str, environ: Mapping[str, str] | None = None) -> Settings:
        path = tmp_path / "h.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path, environ or {}, dotenv=None)

    return go


@pytest.fixture
def refused(tmp_path: Path, from_text: Load) -> Refused:
    """The lines of the error that a file with this text gives, without the folder."""

    def go(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            from_text(text, environ)
        return str(caught.value).replace(f"{tmp_path}/", "").splitlines()

    return go
