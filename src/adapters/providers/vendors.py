"""Every kind of provider as one row: where it is, what it speaks, how it is paid.

Dialects are pure and small; credentials and SDKs are imported when a row's function is called, so
that a gateway loads nothing of a vendor's packages that is not configured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.adapters.providers.dialects.bedrock_converse import BedrockConverse, BedrockEmbeddings
from hexgate.adapters.providers.dialects.cohere_chat import CohereChat, CohereEmbeddings
from hexgate.adapters.providers.dialects.gemini import Gemini, GeminiEmbeddings, VertexEmbeddings
from hexgate.adapters.providers.dialects.ollama_chat import OllamaChat, OllamaEmbeddings
from hexgate.adapters.providers.dialects.openai_chat import (
    COMPATIBLE,
    MISTRAL,
    AzureChat,
    AzureEmbeddings,
    OpenAIChat,
    OpenAIEmbeddings,
    Quirks,
)
from hexgate.adapters.providers.vertex import Vertex
from hexgate.adapters.providers.wire import Credential, Dialect, Embeddings, Transport


class OwnTransport(Transport, Protocol):
    """A transport with connections of its own."""

    async def aclose(self) -> None:
        """Close them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One kind. `needs` are the fields of the account without which it cannot be.

    `base_url` gives the URL that goes before every path. `headers` never change; `credential` is
    for what does, None where the headers are enough. `sdk` opens the official SDK, from the extra
    `extra`.
    """

    kind: str
    base_url: Callable[[Account], str]
    dialect: Callable[[Account], Dialect]
    embeddings: Callable[[Account], Embeddings] | None = None
    headers: Callable[[Account], Mapping[str, str]]
    credential: Callable[[Account], Credential | None] | None = None
    sdk: Callable[[Account, str], OwnTransport] | None = None
    extra: str = ""
    needs: tuple[str, ...] = ()


def at(url: str) -> Callable[[Account], str]:
    """The configured URL, else this one."""
    return lambda account: account.base_url or url


def bearer(account: Account) -> Mapping[str, str]:
    """A bearer token, as most APIs take it; nothing without a key."""
    key, organization = account.api_key, account.organization
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return {**headers, "OpenAI-Organization": organization} if organization else headers


def key_in(header: str) -> Callable[[Account], Mapping[str, str]]:
    """The key alone in a header of its own; nothing without a key."""
    return lambda account: {header: account.api_key} if account.api_key else {}


def nothing(_account: Account) -> Mapping[str, str]:
    """No header: the credential makes them."""
    return {}


def entra(account: Account) -> Credential | None:
    """A token of the identity that the process has, where no key is given."""
    if account.api_key:
        return None
    from hexgate.adapters.providers.transports.azure import Entra

    return Entra(account)


def aws(account: Account) -> Credential | None:
    """A signature, or the bearer token that an API key for Bedrock is."""
    from hexgate.adapters.providers.transports.aws import credential

    return credential(account)


def google(account: Account) -> Credential | None:
    """A token of Google's, by whatever means the account or the process has."""
    from hexgate.adapters.providers.transports.google import GoogleToken

    return GoogleToken(account)


def openai_sdk(account: Account, base_url: str) -> OwnTransport:
    """The SDK of OpenAI."""
    from hexgate.adapters.providers.transports.openai_sdk import build

    return build(account, base_url)


def azure_sdk(account: Account, base_url: str) -> OwnTransport:
    """The same SDK, as it speaks to Azure."""
    from hexgate.adapters.providers.transports.azure_sdk import build

    return build(account, base_url)


def anthropic_sdk(account: Account, base_url: str) -> OwnTransport:
    """The SDK of Anthropic."""
    from hexgate.adapters.providers.transports.anthropic_sdk import build

    return build(account, base_url)


def boto3_sdk(account: Account, base_url: str) -> OwnTransport:
    """The SDK of AWS."""
    from hexgate.adapters.providers.transports.boto3_sdk import build

    return build(account, base_url)


def vertex_sdk(account: Account, base_url: str) -> OwnTransport:
    """The SDK of Google Cloud, over gRPC."""
    from hexgate.adapters.providers.transports.vertex_sdk import build

    return build(account, base_url)


def bedrock_url(account: Account) -> str:
    """Where models answer. Source: the endpoints of `bedrock-runtime` in the AWS reference."""
    return account.base_url or f"https://bedrock-runtime.{account.region}.amazonaws.com"


def bedrock_control(account: Account) -> str:
    """Where models are listed: an endpoint of its own, unless both are configured to be one."""
    if account.control_url or account.base_url:
        return account.control_url or account.base_url
    return f"https://bedrock.{account.region}.amazonaws.com"


def vertex_url(account: Account) -> str:
    """Each location has a host, and the two continents and the globe have theirs.

    Source: the regions table of the Vertex AI client of the Anthropic SDK.
    """
    where = account.location
    if account.base_url:
        return account.base_url
    if where in ("us", "eu"):
        return f"https://aiplatform.{where}.rep.googleapis.com"
    prefix = "" if where == "global" else f"{where}-"
    return f"https://{prefix}aiplatform.googleapis.com"


def like_openai(kind: str, url: str, *needs: str, quirks: Quirks = COMPATIBLE) -> Vendor:
    """A server that speaks chat completions: all that is needed for one more of them."""
    return Vendor(
        kind=kind,
        base_url=at(url),
        dialect=lambda account: OpenAIChat(account.name, quirks),
        embeddings=lambda account: OpenAIEmbeddings(account.name, quirks),
        headers=bearer,
        sdk=openai_sdk,
        extra="openai",
        needs=needs,
    )


VENDORS: Mapping[str, Vendor] = {
    row.kind: row
    for row in (
        Vendor(
            kind="openai",
            base_url=at("https://api.openai.com/v1"),
            dialect=lambda account: OpenAIChat(account.name),
            embeddings=lambda account: OpenAIEmbeddings(account.name),
            headers=bearer,
            sdk=openai_sdk,
            extra="openai",
            needs=("api_key",),
        ),
        Vendor(
            kind="azure",
            base_url=at(""),
            dialect=lambda account: AzureChat(account.name, account.api_version),
            embeddings=lambda account: AzureEmbeddings(account.name, account.api_version),
            headers=key_in("api-key"),
            credential=entra,
            sdk=azure_sdk,
            extra="openai",
            needs=("base_url",),
        ),
        Vendor(
            kind="anthropic",
            base_url=at("https://api.anthropic.com"),
            dialect=lambda account: AnthropicMessages(account.name),
            headers=key_in("x-api-key"),
            sdk=anthropic_sdk,
            extra="anthropic",
            needs=("api_key",),
        ),
        Vendor(
            kind="cohere",
            base_url=at("https://api.cohere.com"),
            dialect=lambda account: CohereChat(account.name),
            embeddings=lambda account: CohereEmbeddings(account.name),
            headers=bearer,
            needs=("api_key",),
        ),
        Vendor(
            kind="gemini",
            base_url=at("https://generativelanguage.googleapis.com"),
            dialect=lambda account: Gemini(account.name),
            embeddings=lambda account: GeminiEmbeddings(account.name),
            headers=key_in("x-goog-api-key"),
            needs=("api_key",),
        ),
        Vendor(
            kind="vertex",
            base_url=vertex_url,
            dialect=lambda account: Vertex(account.name, account.project, account.location),
            embeddings=lambda account: VertexEmbeddings(
                account.name, account.project, account.location
            ),
            headers=nothing,
            credential=google,
            sdk=vertex_sdk,
            extra="vertex-sdk",
            needs=("project", "location"),
        ),
        Vendor(
            kind="bedrock",
            base_url=bedrock_url,
            dialect=lambda account: BedrockConverse(account.name, bedrock_control(account)),
            embeddings=lambda account: BedrockEmbeddings(account.name),
            headers=nothing,
            credential=aws,
            sdk=boto3_sdk,
            extra="bedrock-sdk",
            needs=("region",),
        ),
        Vendor(
            kind="ollama",
            base_url=at("http://127.0.0.1:11434"),
            dialect=lambda account: OllamaChat(account.name, account.context_tokens),
            embeddings=lambda account: OllamaEmbeddings(account.name),
            headers=bearer,
        ),
        like_openai("openai_compatible", "", "base_url"),
        like_openai("groq", "https://api.groq.com/openai/v1", "api_key"),
        like_openai("mistral", "https://api.mistral.ai/v1", "api_key", quirks=MISTRAL),
        like_openai("deepseek", "https://api.deepseek.com/v1", "api_key"),
        like_openai("xai", "https://api.x.ai/v1", "api_key"),
        like_openai("vllm", "http://127.0.0.1:8000/v1"),
        like_openai("llamacpp", "http://127.0.0.1:8080/v1"),
    )
}
