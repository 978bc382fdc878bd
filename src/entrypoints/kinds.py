"""Every kind of provider that can be configured."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from hexgate.domain.keys import MAX_KEYS
from hexgate.entrypoints.fields import (
    API_VERSION,
    LOCATION,
    VISIBLE,
    BaseUrl,
    Count,
    Many,
    MaybeSecret,
    ModelName,
    OwnTransport,
    Seconds,
    Secret,
    Transport,
    Url,
    apart,
    expected,
)
from hexgate.entrypoints.section import Section

Hosted = Literal["groq", "mistral", "deepseek", "xai"]
Local = Literal["vllm", "llamacpp"]
KINDS: tuple[str, ...] = (
    *("openai", "anthropic", "azure", "cohere", "gemini", "vertex", "bedrock", "ollama"),
    *("openai_compatible", *get_args(Hosted), *get_args(Local)),
    "simulator",
)
"""Every value that the `kind` of a provider may have."""


class Timeouts(Section):
    """Limits of one attempt at a provider."""

    connect_s: Seconds = Field(default=5, description="Until the connection stands, in seconds.")
    first_token_s: Seconds = Field(default=60, description="Until the first output, in seconds.")
    between_tokens_s: Seconds = Field(
        default=30, description="Silence within a stream, in seconds."
    )
    attempt_s: Seconds = Field(default=600, description="The whole attempt, in seconds.")


class Limits(Section):
    """How hard a provider may be used; what is absent is not limited."""

    requests_per_minute: Many | None = Field(default=None, description="Requests per minute.")
    tokens_per_minute: Many | None = Field(
        default=None, description="Tokens per minute, in and out."
    )
    concurrency: Count | None = Field(default=None, description="Requests at the same time.")


class Provider(Section):
    """What every provider has, whatever its kind."""

    models: tuple[ModelName, ...] = Field(
        default=(),
        max_length=1000,
        description="Names of models found here without naming the provider.",
    )
    fallbacks: tuple[ModelName, ...] = Field(
        default=(),
        max_length=16,
        description="Models of this provider, tried in order when one of its models fails at which "
        "a call began.",
    )
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()


def _apart(value: object) -> object:
    return apart(value) if isinstance(value, str) else value


def _differing(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if len({key.get_secret_value() for key in keys}) < len(keys):
        raise expected("each key once")
    return keys


_Keys = Annotated[tuple[Secret, ...], Field(max_length=MAX_KEYS), AfterValidator(_differing)]
Keys = Annotated[_Keys, BeforeValidator(_apart, json_schema_input_type=Secret | _Keys)]


class Keyed(Provider):
    """A provider that takes a key, or a pool of them."""

    api_keys: Keys = Field(
        default=(),
        description="Several keys in the place of api_key, each text, {env: NAME} or {file: path}, "
        "or one of these for all, with commas or line ends between: calls are spread over them, "
        "and one that is limited or rejected rests.",
    )
    api_key: MaybeSecret = None
    key_order: Literal["round_robin", "least_recently_used"] = Field(
        default="round_robin", description="Which of several keys is next."
    )

    @field_validator("api_key")
    @classmethod
    def _not_both(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key is not None and info.data.get("api_keys"):
            raise expected("either api_key or api_keys, not both")
        return key


class Paid(Keyed):
    """A provider that nobody may use without a key."""

    api_key: MaybeSecret = Field(
        default=None,
        validate_default=True,
        description="The key: text, {env: NAME} or {file: path}. Required where api_keys is not.",
    )

    @field_validator("api_key")
    @classmethod
    def _one_at_least(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        # Where api_keys were refused they are not among the data, and that is said already.
        if key is None and info.data.get("api_keys") == ():
            raise expected("a key: text, {env: NAME} or {file: path}; or several as api_keys")
        return key


class OpenAI(Paid):
    """OpenAI."""

    kind: Literal["openai"]
    base_url: BaseUrl = None
    organization: str | None = Field(
        default=None, pattern=VISIBLE, description="The organization that is billed."
    )
    transport: Transport = "http"


class Anthropic(Paid):
    """Anthropic."""

    kind: Literal["anthropic"]
    base_url: BaseUrl = None
    transport: Transport = "http"


class Ollama(Keyed):
    """Ollama, by its own protocol."""

    kind: Literal["ollama"]
    base_url: BaseUrl = None
    context_tokens: Many | None = Field(
        default=None,
        description="The window it shall load models with, in tokens; its own when absent.",
    )
    transport: OwnTransport = "http"


def _endpoint(url: str) -> str:
    """As the vendor's portal also shows it, with the path of an API, every request would fail."""
    if "/openai" in urlsplit(url).path:
        raise expected("the endpoint alone, without /openai and what follows it")
    return url


class Azure(Keyed):
    """Azure OpenAI; a model is called by the name of its deployment."""

    kind: Literal["azure"]
    base_url: Annotated[Url, AfterValidator(_endpoint)] = Field(
        description="The endpoint of the resource, a URL: https://NAME.openai.azure.com."
    )
    api_key: MaybeSecret = Field(
        default=None,
        description="The key: text, {env: NAME} or {file: path}; absent: the Entra identity "
        "that azure-identity finds.",
    )
    api_version: str | None = Field(
        default=None,
        pattern=API_VERSION,
        description="A dated API version; absent: the v1 API, which has none.",
    )
    transport: Transport = "http"


class Cohere(Paid):
    """Cohere, by its v2 API."""

    kind: Literal["cohere"]
    base_url: BaseUrl = None
    transport: OwnTransport = "http"


class Gemini(Paid):
    """Google Gemini, by its developer API."""

    kind: Literal["gemini"]
    base_url: BaseUrl = None
    transport: OwnTransport = "http"


class Vertex(Keyed):
    """Google Vertex AI: Gemini, and Claude where the project has it."""

    kind: Literal["vertex"]
    project: str = Field(pattern=VISIBLE, description="The Google Cloud project that is billed.")
    location: str = Field(
        default="global", pattern=LOCATION, description="Where models run, such as europe-west4."
    )
    api_key: MaybeSecret = Field(
        default=None,
        description="A key bound to a service account: text, {env: NAME} or {file: path}.",
    )
    credentials_file: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="A key file; absent, and without api_key: Application Default Credentials.",
    )
    base_url: BaseUrl = None
    transport: Transport = "http"


class Bedrock(Keyed):
    """AWS Bedrock, by Converse."""

    kind: Literal["bedrock"]
    region: str = Field(pattern=LOCATION, description="Where models run, such as eu-central-1.")
    api_key: MaybeSecret = Field(
        default=None,
        description="An API key for Bedrock: text, {env: NAME} or {file: path}.",
    )
    access_key_id: MaybeSecret = Field(
        default=None,
        description="An AWS access key: text, {env: NAME} or {file: path}; absent: what the AWS "
        "credential chain finds.",
    )
    secret_access_key: MaybeSecret = Field(
        default=None, description="Its secret: text, {env: NAME} or {file: path}."
    )
    session_token: MaybeSecret = Field(
        default=None, description="Its session token: text, {env: NAME} or {file: path}."
    )
    profile: str | None = Field(
        default=None, pattern=VISIBLE, description="A profile of the shared AWS configuration."
    )
    base_url: BaseUrl = None
    control_url: Url | None = Field(
        default=None,
        description="Where models are listed, a URL; base_url, or the region's when absent.",
    )
    transport: Transport = "http"

    @model_validator(mode="after")
    def _whole_key(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise expected("access_key_id and secret_access_key together, or neither")
        if self.session_token is not None and self.access_key_id is None:
            raise expected("session_token with access_key_id and secret_access_key, or not at all")
        return self


class Compatible(Keyed):
    """Any server that speaks the OpenAI protocol."""

    kind: Literal["openai_compatible"]
    base_url: Url = Field(description="Where it is, a URL with its version: http://host:8000/v1.")
    transport: Transport = "http"


class HostedCompatible(Paid):
    """A known vendor that speaks the OpenAI protocol."""

    kind: Hosted
    base_url: BaseUrl = None
    transport: Transport = "http"


class LocalCompatible(Keyed):
    """A known server, run by oneself, that speaks the OpenAI protocol."""

    kind: Local
    base_url: BaseUrl = None
    transport: Transport = "http"


class Simulator(Provider):
    """A simulated provider inside the server: no key, no network, no cost."""

    kind: Literal["simulator"]
    seed: int = Field(
        default=0, ge=0, le=2**32 - 1, description="The same seed gives the same faults."
    )
    pace_ms: float = Field(
        default=20, ge=0, le=60_000, description="Time per token, in milliseconds."
    )
    fault_rate: float = Field(
        default=0, ge=0, le=1, description="Share of the calls that fail, 0 to 1."
    )


AnyProvider = Annotated[
    OpenAI
    | Anthropic
    | Azure
    | Cohere
    | Gemini
    | Vertex
    | Bedrock
    | Ollama
    | Compatible
    | HostedCompatible
    | LocalCompatible
    | Simulator,
    Field(discriminator="kind"),
]
