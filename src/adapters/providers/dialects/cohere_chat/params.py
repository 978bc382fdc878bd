"""Sampling and length, within the ranges of the API."""

from __future__ import annotations

from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.json import JsonObject
from hexgate.domain.spec import Params

# The wire's name and range of each setting. Source: the reference of the chat endpoint, and for the
# temperature its page of errors.
_RANGES: dict[str, tuple[str, float, float]] = {
    "temperature": ("temperature", 0, 1),
    "top_p": ("p", 0.01, 0.99),
    "top_k": ("k", 0, 500),
    "presence_penalty": ("presence_penalty", 0, 1),
    "frequency_penalty": ("frequency_penalty", 0, 1),
}
_STOPS = 5


def sample(payload: JsonObject, params: Params, lacking: Lacking) -> None:
    """Add the settings that the caller made."""
    for name, (key, least, most) in _RANGES.items():
        value: float | None = getattr(params, name)
        if value is None:
            continue
        within = min(max(value, least), most)
        if within != value:
            field, what = f"spec.params.{name}", f"{name} outside of {least} to {most}"
            lacking.lower(field, what, f"{within} is used")
        payload[key] = within
    if params.seed is not None:
        if params.seed < 0:
            lacking.drop("spec.params.seed", "a seed below 0")
        else:
            payload["seed"] = params.seed
    if params.stop:
        if len(params.stop) > _STOPS:
            what = f"more than {_STOPS} stop sequences"
            lacking.lower("spec.params.stop_sequences", what, f"the first {_STOPS} are used")
        payload["stop_sequences"] = list(params.stop[:_STOPS])
    if params.top_logprobs is not None:
        if params.top_logprobs:
            what = "log probabilities of other tokens than the chosen"
            lacking.lower("spec.params.top_logprobs", what, "those of the chosen are given")
        payload["logprobs"] = True
