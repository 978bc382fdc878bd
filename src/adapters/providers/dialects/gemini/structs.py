"""The answers of generateContent as msgspec structs. Fields that are not named here are skipped.

What stands beside the words of an answer is kept raw: odd values there are as good as none.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from hexgate.adapters.providers.lenient import MOST_TOKENS, UNSAID

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]
_NOTHING = msgspec.Raw(b"{}")


class Camel(msgspec.Struct, rename="camel", gc=False):
    """Keys are in camel case."""


class FunctionCall(Camel):
    """A call. Its arguments are an object, kept as they came; v1 of Vertex AI gives no id."""

    name: str = ""
    id: str | None = None
    args: msgspec.Raw = _NOTHING


class Blob(Camel):
    """Bytes in base64."""

    mime_type: str = ""
    data: str = ""


class FileData(Camel):
    """Where a file is."""

    mime_type: str = ""
    file_uri: str = ""


class Part(Camel):
    """A part, or the next piece of one. The last four are what the contract has no word for."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    executable_code: msgspec.Raw = UNSAID
    code_execution_result: msgspec.Raw = UNSAID
    tool_call: msgspec.Raw = UNSAID
    tool_response: msgspec.Raw = UNSAID


class Content(Camel):
    """What is said. An answer that says nothing has no parts."""

    parts: list[Part] | None = None


class Candidate(Camel):
    """An answer, or the next piece of it."""

    content: Content | None = None
    finish_reason: str | None = None
    index: int | None = None
    logprobs_result: msgspec.Raw = UNSAID
    avg_logprobs: msgspec.Raw = UNSAID
    safety_ratings: msgspec.Raw = UNSAID
    citation_metadata: msgspec.Raw = UNSAID
    grounding_metadata: msgspec.Raw = UNSAID
    url_context_metadata: msgspec.Raw = UNSAID
    continuation_token: msgspec.Raw = UNSAID


class Feedback(Camel):
    """What a filter found in the prompt."""

    block_reason: str | None = None


class Modality(Camel):
    """How many of some tokens are of a modality, such as AUDIO."""

    modality: str = ""
    token_count: Count = 0


class Usage(Camel):
    """Token counts; zeros are left out. The prompt's include what was cached, not the tools'; so
    do its modalities.
    """

    prompt_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    candidates_token_count: Count | None = None
    thoughts_token_count: Count | None = None
    tool_use_prompt_token_count: Count | None = None
    total_token_count: Count | None = None
    prompt_tokens_details: list[Modality] | None = None
    prompt_token_details: list[Modality] | None = None  # the same, as embedContent spells it
    cache_tokens_details: list[Modality] | None = None
    tool_use_prompt_tokens_details: list[Modality] | None = None
    candidates_tokens_details: list[Modality] | None = None


class Body(Camel):
    """A whole answer, the next piece of one, or an error."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: msgspec.Raw = UNSAID
    model_version: msgspec.Raw = UNSAID
    response_id: msgspec.Raw = UNSAID
    error: msgspec.Raw = UNSAID


class Chosen(Camel):
    """One token and its natural log probability."""

    token: str = ""
    log_probability: float = 0.0


class Step(Camel):
    """The likeliest tokens of one step."""

    candidates: list[Chosen] = []


class Logprobs(Camel):
    """One entry per token in each list."""

    chosen_candidates: list[Chosen] = []
    top_candidates: list[Step] = []


class Statistics(msgspec.Struct):
    """What embedding one text took."""

    token_count: msgspec.Raw = UNSAID


class Values(msgspec.Struct):
    """A vector."""

    values: list[float] = []
    statistics: Statistics | None = None


class Prediction(msgspec.Struct):
    """One prediction of an embedding model."""

    embeddings: Values


class Vectors(Camel):
    """The answers of all three ways to embed."""

    embeddings: list[Values] | None = None
    predictions: list[Prediction] | None = None
    embedding: Values | None = None
    usage_metadata: msgspec.Raw = UNSAID
