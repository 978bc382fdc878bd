"""What the gateway is told of one provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

MAX_BODY_BYTES = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where one provider is and how it is paid. Empty is the vendor's own default, or nothing.

    `name` is the provider's in the configuration, by which errors and signatures call it. Each
    kind looks at the fields that it has a use for. Secrets do not show when it is printed.
    """

    kind: str
    name: str
    base_url: str = ""
    transport: Literal["http", "sdk"] = "http"
    api_key: str = field(default="", repr=False)
    organization: str = ""  # OpenAI
    api_version: str = ""  # Azure: a dated one; empty is its v1 API
    region: str = ""  # Bedrock
    control_url: str = ""  # Bedrock: where its models are listed
    profile: str = ""  # Bedrock: of the shared AWS configuration
    access_key_id: str = field(default="", repr=False)  # Bedrock
    secret_access_key: str = field(default="", repr=False)  # Bedrock
    session_token: str = field(default="", repr=False)  # Bedrock
    project: str = ""  # Vertex
    location: str = ""  # Vertex
    credentials_file: str = ""  # Vertex: a key file; empty is Application Default Credentials
    context_tokens: int = 0  # Ollama: the window that it loads models with
    max_body_bytes: int = MAX_BODY_BYTES

    @property
    def where(self) -> str:
        """The provider's place in the configuration."""
        return f"providers.{self.name}"
