"""Chat completions at a resource of Azure OpenAI."""

from __future__ import annotations

import dataclasses
from urllib.parse import quote

from hexgate.adapters.providers.dialects.openai_chat.chat import OpenAIChat
from hexgate.adapters.providers.dialects.openai_chat.quirks import Quirks, azure
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.call import ChatCall


class Deployments:
    """Where a resource answers. Paths begin below its endpoint, which has none of its own.

    Source: the vendor's data-plane reference; the v1 API has no version to be named.
    """

    def __init__(self, api_version: str) -> None:
        self._query = f"?api-version={quote(api_version, safe='')}" if api_version else ""

    def path(self, deployment: str, rest: str) -> str:
        """Where a deployment does what `rest` names; the v1 API finds it in the body."""
        if self._query:
            return f"/openai/deployments/{quote(deployment, safe='')}{rest}{self._query}"
        return f"/openai/v1{rest}"

    @property
    def models(self) -> str:
        """The list of models."""
        return f"/openai/models{self._query}" if self._query else "/openai/v1/models"


class AzureChat(OpenAIChat):
    """The dialect for `provider` at Azure: the base URL is the resource's endpoint.

    The call's model is the name of a deployment. `api_version` is a dated one; empty is the v1
    API.
    """

    def __init__(self, provider: str, api_version: str = "") -> None:
        super().__init__(provider, azure(api_version))
        self._api_version = api_version
        self._deployments = Deployments(api_version)

    def request(self, call: ChatCall, *, stream: bool) -> WireRequest:
        """See Dialect."""
        made = super().request(call, stream=stream)
        return dataclasses.replace(made, path=self._deployments.path(call.model, made.path))

    def check(self) -> WireRequest:
        """The list of models."""
        return WireRequest(self._deployments.models, method="GET")

    def _quirks_of(self, model: str) -> Quirks:
        return azure(self._api_version, model)
