"""Every kind of provider as one row: where it is, what it speaks, how it is paid.

The functions of a row import what they need when they are called, so that a gateway loads nothing
of a vendor that is not configured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from hexgate.adapters.providers.account import Account
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


def openai_chat(account: Account) -> Dialect:
    from hexgate.adapters.providers.dialects.openai_chat import OpenAIChat

    return OpenAIChat(account.name)


def compatible_chat(account: Account) -> Dialect:
    from hexgate.adapters.providers.dialects.openai_chat import COMPATIBLE, OpenAIChat

    return OpenAIChat(account.name, COMPATIBLE)


def azure_chat(account: Account) -> Dialect:
    from hexgate.adapters.providers.dialects.openai_chat import AzureChat

    return AzureChat(account.name, account.api_version)


def anthropic_messages(account: Account) -> Dialect:
    from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages

    return AnthropicMessages(account.name)


def cohere_chat(account: Account) -> Dialect:
    from hexgate.adapters.providers.dialects.cohere_chat import CohereChat

    return CohereChat(account.name)


def gemini(account: Account) -> Dialect:
    from hexgate.adapters.providers.dialects.gemini import Gemini

    return Gemini(account.name)


def vertex(account: Account) -> Dialect:
    from hexgate.adapters.providers.vertex import Vertex

    return Vertex(account.name, account.project, account.location)


def bedrock_converse(account: Account) -> Dialect:
    from hexgate.adapters.providers.dialects.bedrock_converse import BedrockConverse

    return BedrockConverse(account.name, bedrock_control(account))


def ollama_chat(account: Account) -> Dialect:
    from hexgate.adapters.providers.dialects.ollama_chat import OllamaChat

    return OllamaChat(account.name, account.context_tokens)


def openai_embeddings(account: Account) -> Embeddings:
    from hexgate.adapters.providers.dialects.openai_chat import OpenAIEmbeddings

    return OpenAIEmbeddings(account.name)


def azure_embeddings(account: Account) -> Embeddings:
    from hexgate.adapters.providers.dialects.openai_chat import AzureEmbeddings

    return AzureEmbeddings(account.name, account.api_version)


def cohere_embeddings(account: Account) -> Embeddings:
    from hexgate.adapters.providers.dialects.cohere_chat import CohereEmbeddings

    return CohereEmbeddings(account.name)


def gemini_embeddings(account: Account) -> Embeddings:
    from hexgate.adapters.providers.dialects.gemini import GeminiEmbeddings

    return GeminiEmbeddings(account.name)


def vertex_embeddings(account: Account) -> Embeddings:
    from hexgate.adapters.providers.dialects.gemini import VertexEmbeddings

    return VertexEmbeddings(account.name, account.project, account.location)


def bedrock_embeddings(account: Account) -> Embeddings:
    from hexgate.adapters.providers.dialects.bedrock_converse import BedrockEmbeddings

    return BedrockEmbeddings(account.name)


def ollama_embeddings(account: Account) -> Embeddings:
    from hexgate.adapters.providers.dialects.ollama_chat import OllamaEmbeddings

    return OllamaEmbeddings(account.name)


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
    from hexgate.adapters.providers.transports.google import GoogleToken

    return GoogleToken(account)


def openai_sdk(account: Account, base_url: str) -> OwnTransport:
    from hexgate.adapters.providers.transports.openai_sdk import build

    return build(account, base_url)


def azure_sdk(account: Account, base_url: str) -> OwnTransport:
    from hexgate.adapters.providers.transports.azure_sdk import build

    return build(account, base_url)


def anthropic_sdk(account: Account, base_url: str) -> OwnTransport:
    from hexgate.adapters.providers.transports.anthropic_sdk import build

    return build(account, base_url)


def boto3_sdk(account: Account, base_url: str) -> OwnTransport:
    from hexgate.adapters.providers.transports.boto3_sdk import build

    return build(account, base_url)


def vertex_sdk(account: Account, base_url: str) -> OwnTransport:
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
    """Each location has a host; `global` has the one without a prefix."""
    prefix = "" if account.location == "global" else f"{account.location}-"
    return account.base_url or f"https://{prefix}aiplatform.googleapis.com"


def like_openai(kind: str, url: str, *needs: str) -> Vendor:
    """A server that speaks chat completions: all that is needed for one more of them."""
    return Vendor(
        kind=kind,
        base_url=at(url),
        dialect=compatible_chat,
        embeddings=openai_embeddings,
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
            dialect=openai_chat,
            embeddings=openai_embeddings,
            headers=bearer,
            sdk=openai_sdk,
            extra="openai",
            needs=("api_key",),
        ),
        Vendor(
            kind="azure",
            base_url=at(""),
            dialect=azure_chat,
            embeddings=azure_embeddings,
            headers=key_in("api-key"),
            credential=entra,
            sdk=azure_sdk,
            extra="openai",
            needs=("base_url",),
        ),
        Vendor(
            kind="anthropic",
            base_url=at("https://api.anthropic.com"),
            dialect=anthropic_messages,
            headers=key_in("x-api-key"),
            sdk=anthropic_sdk,
            extra="anthropic",
            needs=("api_key",),
        ),
        Vendor(
            kind="cohere",
            base_url=at("https://api.cohere.com"),
            dialect=cohere_chat,
            embeddings=cohere_embeddings,
            headers=bearer,
            needs=("api_key",),
        ),
        Vendor(
            kind="gemini",
            base_url=at("https://generativelanguage.googleapis.com"),
            dialect=gemini,
            embeddings=gemini_embeddings,
            headers=key_in("x-goog-api-key"),
            needs=("api_key",),
        ),
        Vendor(
            kind="vertex",
            base_url=vertex_url,
            dialect=vertex,
            embeddings=vertex_embeddings,
            headers=nothing,
            credential=google,
            sdk=vertex_sdk,
            extra="vertex-sdk",
            needs=("project", "location"),
        ),
        Vendor(
            kind="bedrock",
            base_url=bedrock_url,
            dialect=bedrock_converse,
            embeddings=bedrock_embeddings,
            headers=nothing,
            credential=aws,
            sdk=boto3_sdk,
            extra="bedrock-sdk",
            needs=("region",),
        ),
        Vendor(
            kind="ollama",
            base_url=at("http://127.0.0.1:11434"),
            dialect=ollama_chat,
            embeddings=ollama_embeddings,
            headers=bearer,
        ),
        like_openai("openai_compatible", "", "base_url"),
        like_openai("groq", "https://api.groq.com/openai/v1", "api_key"),
        like_openai("mistral", "https://api.mistral.ai/v1", "api_key"),
        like_openai("deepseek", "https://api.deepseek.com/v1", "api_key"),
        like_openai("xai", "https://api.x.ai/v1", "api_key"),
        like_openai("vllm", "http://127.0.0.1:8000/v1"),
        like_openai("llamacpp", "http://127.0.0.1:8080/v1"),
    )
}
