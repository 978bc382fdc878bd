"""What holds for every test."""

from __future__ import annotations

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.contracts", "tests.fakes")

# How long an example takes depends on what else the machine does; a timing is no assertion.
settings.register_profile("hexgate", deadline=None, derandomize=False)
settings.load_profile("hexgate")
