"""One short conversation with each provider whose key is set: `pytest -m live`.

It costs a small fraction of a cent per provider. Which variables it takes: docs/live.md.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import open_session
from hexgate.adapters.providers.vendors import VENDORS
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.domain.answer import Finished
from hexgate.domain.assemble import Assembler
from hexgate.domain.call import Timeouts
from hexgate.domain.chat import Message, Role, Text
from hexgate.domain.spec import Spec
from tests.fakes import call

pytestmark = pytest.mark.live


@dataclass(frozen=True, slots=True)
class Live:
    """A provider, a cheap model of it, and the variables that its account is made of."""

    kind: str
    model: str
    variables: Mapping[str, str]  # field of the account to variable
    optional: Mapping[str, str] = field(default_factory=dict)

    def own(self, what: str) -> str:
        """The variable by which a model, or another address, is chosen for this provider."""
        return f"HEXGATE_LIVE_{self.kind.upper()}_{what}"


LIVE = (
    Live("openai", "gpt-5-nano", {"api_key": "OPENAI_API_KEY"}),
    Live("anthropic", "claude-haiku-4-5", {"api_key": "ANTHROPIC_API_KEY"}),
    Live(
        "azure",
        "",
        {"base_url": "AZURE_OPENAI_ENDPOINT", "api_key": "AZURE_OPENAI_API_KEY"},
        {"api_version": "AZURE_OPENAI_API_VERSION"},
    ),
    Live("cohere", "command-r7b-12-2024", {"api_key": "COHERE_API_KEY"}),
    Live("gemini", "gemini-2.5-flash-lite", {"api_key": "GEMINI_API_KEY"}),
    Live(
        "vertex",
        "gemini-2.5-flash-lite",
        {
            "project": "GOOGLE_CLOUD_PROJECT",
            "location": "GOOGLE_CLOUD_LOCATION",
            "credentials_file": "GOOGLE_APPLICATION_CREDENTIALS",
        },
    ),
    Live(
        "bedrock",
        "us.amazon.nova-micro-v1:0",
        {
            "region": "AWS_REGION",
            "access_key_id": "AWS_ACCESS_KEY_ID",
            "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        },
        {"session_token": "AWS_SESSION_TOKEN"},
    ),
    Live("ollama", "", {"base_url": "OLLAMA_API_URL"}),
)


@asynccontextmanager
async def opened(live: Live, transport: str) -> AsyncIterator[WiredProvider]:
    """The provider; skips, naming what is missing, where a variable is not set."""
    wanted = [*live.variables.values(), *([] if live.model else [live.own("MODEL")])]
    missing = [name for name in wanted if not os.environ.get(name)]
    if missing:
        pytest.skip(f"not set: {', '.join(missing)}")
    if transport == "sdk" and VENDORS[live.kind].sdk is None:
        pytest.skip(f"{live.kind} has no SDK transport")
    names = {"base_url": live.own("URL"), **live.variables, **live.optional}
    said = {key: os.environ.get(name, "") for key, name in names.items()}
    async with open_session() as session:
        account = Account(kind=live.kind, name=live.kind, transport=transport, **said)  # type: ignore[arg-type]  # text by field name
        provider, close = open_provider(account, session)
        try:
            yield provider
        finally:
            await close()


@pytest.mark.parametrize("transport", ["http", "sdk"])
@pytest.mark.parametrize("live", LIVE, ids=lambda live: live.kind)
async def test_a_real_provider_answers_whole_and_streamed_where_its_key_is_set(
    live: Live, transport: str
) -> None:
    async with opened(live, transport) as provider:
        model = os.environ.get(live.own("MODEL")) or live.model
        message = Message(Role.USER, (Text("Say the word 'harbour' and nothing else."),))
        asked = call(
            spec=Spec(model=model, messages=(message,)),
            model=model,
            max_output_tokens=400,
            timeouts=Timeouts(attempt_s=60),
        )
        await provider.check(Timeouts(attempt_s=30))
        whole = await provider.complete(asked)
        assert "harbour" in "".join(p.text for p in whole.parts if isinstance(p, Text)).lower()
        assert whole.usage is not None
        assembler = Assembler()
        async with aclosing(await provider.open(asked)) as stream:
            chunks = [chunk async for chunk in stream]
        for chunk in chunks[:-1]:
            assembler.add(chunk)
        assert isinstance(chunks[-1], Finished)
        assert chunks[-1].usage is not None
        said = "".join(part.text for part in assembler.parts() if isinstance(part, Text))
        assert "harbour" in said.lower()
