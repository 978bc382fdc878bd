"""What the control plane lists: models, and the profiles through which they are called."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.adapters.simulator import models
from hexgate.adapters.simulator.bedrock.answers import dumped
from hexgate.adapters.simulator.bedrock.checks import invalid
from hexgate.adapters.simulator.wire import Refused, Wrong
from hexgate.domain.json import Json, JsonObject

EMBEDDING = (
    "amazon.titan-embed-text-v1",
    "amazon.titan-embed-text-v2:0",
    "amazon.titan-embed-image-v1",
    "amazon.nova-2-multimodal-embeddings-v1:0",
    "cohere.embed-english-v3",
    "cohere.embed-v4:0",
)
_ARN = "arn:aws:bedrock:us-east-1"
_SINCE = "2026-11-20T00:00:00Z"
_FILTERS = {
    "byProvider": "providerName",
    "byOutputModality": "outputModalities",
    "byInferenceType": "inferenceTypesSupported",
    "byCustomizationType": "customizationsSupported",
}


def all_models(query: Mapping[str, str]) -> bytes:
    """The body of `GET /foundation-models`, of which a query wants some. Raises Refused."""
    if unknown := query.keys() - _FILTERS.keys():
        raise invalid(f"Unknown query parameter: {min(unknown)}")
    found = [each for each in _summaries() if all(_fits(each, *wish) for wish in query.items())]
    summaries: list[Json] = [*found]
    return dumped({"modelSummaries": summaries})


def model(name: str) -> bytes:
    """The body of `GET /foundation-models/{id}`. Raises Refused."""
    for summary in _summaries():
        if name in (summary["modelId"], summary["modelArn"]):
            return dumped({"modelDetails": summary})
    raise Refused(Wrong.NO_MODEL, "Could not resolve the foundation model from the identifier.")


def profiles(query: Mapping[str, str]) -> bytes:
    """The body of `GET /inference-profiles`: at most `maxResults`, behind `nextToken`."""
    limit, start = query.get("maxResults", "1000"), query.get("nextToken", "0")
    if not limit.isdecimal() or not 1 <= int(limit) <= 1000 or not start.isdecimal():
        raise invalid("Value at 'maxResults' or 'nextToken' is not valid")
    wanted = models.LISTED if query.get("type") != "APPLICATION" else ()
    end = int(start) + int(limit)
    listed: list[Json] = [_profile(each) for each in wanted[int(start) : end]]
    body: JsonObject = {"inferenceProfileSummaries": listed}
    if end < len(wanted):
        body["nextToken"] = str(end)
    return dumped(body)


def _fits(summary: JsonObject, wish: str, value: str) -> bool:
    has = summary[_FILTERS[wish]]
    return value in has if isinstance(has, list) else value == has


def _summaries() -> list[JsonObject]:
    chats = [
        _summary(each.name, "TEXT", sees="vision" in each.capabilities) for each in models.LISTED
    ]
    return [*chats, *(_summary(name, "EMBEDDING", sees="image" in name) for name in EMBEDDING)]


def _summary(name: str, gives: str, *, sees: bool) -> JsonObject:
    vendor = name.partition(".")[0]
    takes: list[Json] = ["TEXT", "IMAGE"] if sees else ["TEXT"]
    return {
        "modelArn": f"{_ARN}::foundation-model/{name}",
        "modelId": name,
        "modelName": name[:20],
        "providerName": {"amazon": "Amazon", "cohere": "Cohere"}.get(vendor, "Simulated"),
        "inputModalities": takes,
        "outputModalities": [gives],
        "responseStreamingSupported": gives == "TEXT",
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE", "startOfLifeTime": _SINCE},
    }


def _profile(listed: models.Model) -> JsonObject:
    name = f"us.{listed.name}"
    return {
        "inferenceProfileName": f"US {listed.name}",
        "description": listed.says,
        "createdAt": _SINCE,
        "updatedAt": _SINCE,
        "inferenceProfileArn": f"{_ARN}:000000000000:inference-profile/{name}",
        "models": [{"modelArn": f"{_ARN}::foundation-model/{listed.name}"}],
        "inferenceProfileId": name,
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }
