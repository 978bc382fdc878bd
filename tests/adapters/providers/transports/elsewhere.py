"""A provider asked from a process of its own, for what only its environment decides."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[4]
PROGRAM = """
import asyncio, json, sys
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import open_session
from hexgate.domain.errors import GatewayError
from tests import fakes

async def main():
    async with open_session() as session:
        provider, close = open_provider(Account(**json.loads(sys.argv[1])), session)
        try:
            await provider.complete(fakes.call(model="some-model"))
        except GatewayError as failure:
            print(json.dumps([type(failure).__name__, str(failure), failure.detail]))
        finally:
            await close()

asyncio.run(main())
"""


async def asked(
    account: Mapping[str, str], environment: Mapping[str, str], home: Path
) -> tuple[str, str, str]:
    """Class, message and detail of the failure that a call ends in, in this environment alone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-c", PROGRAM, json.dumps({"name": "main", **account})),
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environment},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    assert not err, err.decode()
    kind, message, detail = json.loads(out)
    return kind, message, detail
