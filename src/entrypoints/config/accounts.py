"""Which variables make which provider."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hexgate.entrypoints.config.variables import Variables


@dataclass(frozen=True, slots=True)
class Account:
    """A provider whose name is its kind.

    It is there when of each group in `needs` one variable at least is set; `also` are read then.
    A variable in `beside` is nothing without the other. Those in `theirs` are read by the vendor's
    own library, which sees the environment of the process and no .env file. Some need a `package`
    that the extra of the same name brings, and `wants_package` says when.
    """

    kind: str
    needs: tuple[tuple[str, ...], ...]
    also: tuple[str, ...] = ()
    beside: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    theirs: frozenset[str] = frozenset()
    package: str = ""
    wants_package: Callable[[Variables], bool] = lambda _: True

    @property
    def reads(self) -> tuple[str, ...]:
        """Every variable of it."""
        return (*(name for group in self.needs for name in group), *self.also)


ACCOUNTS = (
    Account("anthropic", (("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEYS"),), ("ANTHROPIC_BASE_URL",)),
    Account(
        "azure",
        (("AZURE_OPENAI_ENDPOINT",),),
        ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_API_KEYS", "AZURE_OPENAI_API_VERSION"),
        package="azure.identity",
        wants_package=lambda variables: (
            not any(map(variables.get, ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_API_KEYS")))
        ),
    ),
    Account("cohere", (("COHERE_API_KEY", "COHERE_API_KEYS"),)),
    Account("gemini", (("GEMINI_API_KEY", "GOOGLE_AI_API_KEY", "GEMINI_API_KEYS"),)),
    Account(
        "vertex",
        (("GOOGLE_APPLICATION_CREDENTIALS",), ("GOOGLE_CLOUD_PROJECT",)),
        ("GOOGLE_CLOUD_LOCATION",),
        package="google.auth",
    ),
    Account(
        "bedrock",
        (
            (
                "AWS_ACCESS_KEY_ID",
                "AWS_BEARER_TOKEN_BEDROCK",
                "AWS_PROFILE",
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            ),
            ("AWS_REGION", "AWS_DEFAULT_REGION"),
        ),
        ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        beside={
            "AWS_ACCESS_KEY_ID": "AWS_SECRET_ACCESS_KEY",
            "AWS_SECRET_ACCESS_KEY": "AWS_ACCESS_KEY_ID",
            "AWS_SESSION_TOKEN": "AWS_ACCESS_KEY_ID",
        },
        theirs=frozenset(
            {
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            }
        ),
        package="botocore",
        # Such a key is a header like any other.
        wants_package=lambda variables: not variables.get("AWS_BEARER_TOKEN_BEDROCK"),
    ),
)

Installed = Callable[[str], bool]


def installed(package: str) -> bool:
    """Whether a package can be imported; its parents are, and are small."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def unmet(account: Account, variables: Variables, has: Installed) -> Iterator[str]:
    """Why an account that some variable speaks of cannot be; nothing where none does."""
    said = [name for name in account.reads if variables.get(name)]
    if not said:
        return
    unseen = [name for name in said if name in account.theirs and variables.is_extra(name)]
    seen = [name for name in said if name not in unseen]
    lacking = [group for group in account.needs if not any(name in seen for name in group)]
    if lacking and unseen:
        yield (
            f"{_and(unseen)} in the .env file, where the vendor's own library does not look; "
            "only the environment itself counts"
        )
    for group in lacking if seen else ():
        which = group[0] if len(group) == 1 else f"one of {', '.join(group)}"
        yield f"{_and(seen)} not used without {which}; set both"
    halves = [name for name in seen if account.beside.get(name, name) not in seen]
    for name in halves:
        yield f"{name} is not used without {account.beside[name]}; set both"
    wants = account.package and account.wants_package(variables)
    if not lacking and wants and not has(account.package):
        yield (
            f"{account.needs[0][0]} and the like ask for the provider '{account.kind}', but "
            f"{account.package} is not installed; install hexgate[{account.kind}]"
        )


def _and(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
