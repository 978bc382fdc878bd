"""One short key for everything that determines an answer."""

from __future__ import annotations

import hashlib

from hexgate.domain.call import ChatCall


def fingerprint(call: ChatCall) -> str:
    """A key that equal requests of one tenant share, and different ones never.

    The tenant and the partition stand in front in clear, so that an operator can purge by them, and
    in the digest, because their names may hold the separator. Frozen values have an exact `repr`,
    which is all that a digest needs.
    """
    spec = call.spec
    options = {name: spec.provider_options[name] for name in sorted(spec.provider_options)}
    asked = (
        (call.tenant, call.options.cache_partition),
        # Balancing changes the order from call to call; who may answer stays the same.
        sorted((hop.provider, hop.model, hop.max_output_tokens) for hop in call.hops),
        spec.messages,
        spec.params,
        spec.tools,
        spec.tool_choice,
        spec.output,
        spec.thinking,
        options,
    )
    digest = hashlib.sha256(repr(asked).encode()).hexdigest()
    return f"{call.tenant}:{call.options.cache_partition}:{digest}"
