"""A provider's own settings, passed through."""

from __future__ import annotations

from collections.abc import Collection

from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.answer import PRICE_UNCERTAIN
from hexgate.domain.call import ChatCall
from hexgate.domain.json import Json, JsonObject


def pass_through(
    payload: JsonObject,
    call: ChatCall,
    provider: str,
    lacking: Lacking,
    *,
    owned: Collection[str],
    priced: Collection[str] = (),
) -> None:
    """Add the caller's `provider_options` for this provider to the payload.

    A key in `owned` is what the gateway answers for or bounds the price by, and is refused. One in
    `priced` changes what the call costs in a way that the price table does not know: it is passed
    with a warning, and the cost is marked as an estimate. Both are looked up in lower case: servers
    written in Go do not tell `max_tokens` from `Max_Tokens`. What replaces something that the
    request says as well is passed with a warning, too.
    """
    options = call.spec.provider_options.get(provider)
    if not options:
        return
    owned, priced = frozenset(map(str.casefold, owned)), frozenset(map(str.casefold, priced))
    for key, value in options.items():
        path = f"spec.provider_options.{provider}.{key}"
        if key.casefold() in owned:
            lacking.refuse(path, f"setting {key} here: the gateway sets it from the request")
            continue
        _set(payload, key, value, path, lacking)
        if key.casefold() in priced:
            text = f"{key} may change the price, so the cost is an estimate"
            lacking.warn(PRICE_UNCERTAIN, text, path)


def merged(ours: JsonObject, theirs: JsonObject, path: str, lacking: Lacking) -> JsonObject:
    """Settings that the wire nests, member by member: the caller's come last and win.

    `path` is that of the caller's object. A member that is replaced is warned of.
    """
    both = dict(ours)
    for key, value in theirs.items():
        _set(both, key, value, f"{path}.{key}", lacking)
    return both


def _set(payload: JsonObject, key: str, value: Json, path: str, lacking: Lacking) -> None:
    if key in payload and payload[key] != value:
        lacking.warn("PARAM_REPLACED", f"{key} replaces what the request says of it", path)
    payload[key] = value
