"""Who serves the Messages API, and how a request gets there."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.answer import Warned
from hexgate.domain.json import JsonObject

OLD_VERSION, NEW_VERSION = "2023-06-01", "2026-10-21"
_VERTEX_VERSION = "vertex-2023-10-16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One place. `check` is a path that costs nothing.

    Where `models` is set, a model is a step of the path below it, and body, verb and version are
    as Vertex AI wants them; else they are as Anthropic's own servers do. `references` says whether
    media may be a URL or a file's id.
    """

    check: str
    models: str = ""
    references: bool = True

    def address(
        self,
        payload: JsonObject,
        model: str,
        warnings: tuple[Warned, ...],
        *,
        old: bool,
        stream: bool,
    ) -> WireRequest:
        """The request. `old` is for what the newest version of the API refuses.

        Source: https://platform.claude.com/docs/en/api/versioning and, for Vertex AI,
        https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai.
        """
        if stream:
            payload["stream"] = True
        if self.models:
            payload["anthropic_version"] = _VERTEX_VERSION
            verb = "streamRawPredict" if stream else "rawPredict"
            return WireRequest(f"{self.models}{step(model)}:{verb}", payload, warnings)
        headers = {"anthropic-version": OLD_VERSION if old else NEW_VERSION}
        return WireRequest("/v1/messages", {"model": model, **payload}, warnings, headers)

    def listing(self) -> WireRequest:
        """What is asked for to check the credential."""
        headers = {} if self.models else {"anthropic-version": NEW_VERSION}
        return WireRequest(self.check, headers=headers, method="GET")


def vertex(project: str, location: str) -> Host:
    """Vertex AI of a project, where Google serves the models: media are bytes.

    Source: https://platform.claude.com/docs/en/build-with-claude/vision.
    """
    place = f"/v1/projects/{step(project)}/locations/{step(location)}"
    return Host(
        check="/v1beta1/publishers/google/models?pageSize=1",
        models=f"{place}/publishers/anthropic/models/",
        references=False,
    )


def step(name: str) -> str:
    """A name as one step of a path; `@` belongs to the names of models and is none of a URL's."""
    return quote(name, safe="@")


ANTHROPIC = Host(check="/v1/models?limit=1")
