"""Families of models are told by their names."""

from __future__ import annotations

import pytest

from hexgate.adapters.providers.dialects.openai_chat.models import Sampling, inside, rules
from hexgate.domain.spec import Effort


@pytest.mark.parametrize(
    ("model", "sampling", "developer", "highest"),
    [
        ("gpt-4o", Sampling.ALWAYS, False, None),
        ("gpt-4o-mini-2024-07-18", Sampling.ALWAYS, False, None),
        ("ft:gpt-4.1-mini:acme::x", Sampling.ALWAYS, False, None),
        ("gpt-5-chat-latest", Sampling.ALWAYS, False, None),
        ("my-deployment", Sampling.ALWAYS, False, Effort.MAX),
        ("gpt-oss-120b", Sampling.ALWAYS, False, Effort.MAX),
        ("chatgpt-4o-latest", Sampling.ALWAYS, False, None),
        ("gpt-35-turbo", Sampling.ALWAYS, False, None),
        ("o1-2024-12-17", Sampling.NEVER, True, Effort.HIGH),
        ("o4-mini", Sampling.NEVER, True, Effort.HIGH),
        ("gpt-5-mini-2025-08-07", Sampling.NEVER, True, Effort.HIGH),
        ("gpt-5.2-chat-latest", Sampling.NEVER, True, Effort.MEDIUM),
        ("gpt-5.1", Sampling.UNLESS_REASONING, True, Effort.HIGH),
        ("gpt-5.4-nano-2026-03-17", Sampling.UNLESS_REASONING, True, Effort.XHIGH),
        ("gpt-5.5-2026-04-23", Sampling.WHEN_OFF, True, Effort.XHIGH),
        ("gpt-5.6-luna", Sampling.WHEN_OFF, True, Effort.MAX),
        ("gpt-6-astra", Sampling.WHEN_OFF, True, Effort.MAX),
        ("gpt-11.2", Sampling.WHEN_OFF, True, Effort.MAX),
    ],
)
def test_a_name_tells_the_family(
    model: str, sampling: Sampling, developer: bool, highest: Effort | None
) -> None:
    found = rules(model)
    assert (found.sampling, found.developer) == (sampling, developer)
    assert (found.efforts[-1] if found.efforts else None) is highest


@pytest.mark.parametrize(
    ("model", "schemas"),
    [
        ("gpt-4", False),
        ("gpt-4-turbo", False),
        ("gpt-3.5-turbo-0125", False),
        ("gpt-4o-2024-05-13", False),
        ("gpt-4o", True),
        ("gpt-4.1", True),
        ("gpt-5", True),
    ],
)
def test_old_models_have_no_schemas(model: str, schemas: bool) -> None:
    assert rules(model).schemas is schemas


@pytest.mark.parametrize(("model", "stops"), [("o1", 4), ("o3-mini", 0), ("gpt-5", 0)])
def test_late_reasoners_have_no_stop_sequences(model: str, stops: int) -> None:
    assert rules(model).stops == stops


@pytest.mark.parametrize(
    ("deployment", "model"),
    [
        ("my-gpt-4o-mini", "gpt-4o-mini"),
        ("PROD-GPT-5.1", "gpt-5.1"),
        ("team_o3", "o3"),
        ("o4-mini", "o4-mini"),
        ("video1", "video1"),
        ("demo1-chat", "demo1-chat"),
        ("chat", "chat"),
    ],
)
def test_a_deployment_tells_its_model_where_its_name_does(deployment: str, model: str) -> None:
    assert inside(deployment) == model
