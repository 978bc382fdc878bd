"""Where Gemini's models are, and what tells the two APIs apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Host:
    """One API. `resource` gives the path of a model, encoded; `call_ids`: its calls have ids."""

    resource: Callable[[str], str]
    check: str
    call_ids: bool

    def path(self, model: str, method: str) -> str:
        """The path of a method of a model."""
        return f"{self.resource(model)}:{method}"


def bare(model: str) -> str:
    """The name of a model without the resource that it may be part of."""
    return model.rpartition("/")[2]


def _developer(model: str) -> str:
    kind, _, name = model.partition("/")
    if kind in ("models", "tunedModels") and name:
        return f"/v1beta/{kind}/{quote(name, safe='')}"
    return f"/v1beta/models/{quote(model, safe='')}"


DEVELOPER = Host(_developer, "/v1beta/models?pageSize=1", call_ids=True)


def vertex(project: str, location: str) -> Host:
    """Vertex AI. Its calls have no ids: v1 of the API has no field for them.

    A model is Google's, another publisher's as `publisher/model`, an endpoint as `endpoints/id`,
    or a whole resource name, which is used as it is.
    """
    place = f"/v1/projects/{quote(project, safe='')}/locations/{quote(location, safe='')}"

    def resource(model: str) -> str:
        steps = model.split("/")
        if len(steps) == 1 or not all(step.strip(".") for step in steps):
            return f"{place}/publishers/google/models/{quote(model, safe='')}"
        path = "/".join(quote(step, safe="") for step in steps)
        if steps[0] == "projects":
            return f"/v1/{path}"
        if steps[0] in ("endpoints", "models", "publishers"):
            return f"{place}/{path}"
        publisher, _, name = path.partition("/")
        return f"{place}/publishers/{publisher}/models/{name}"

    return Host(resource, "/v1beta1/publishers/google/models?pageSize=1", call_ids=False)
