"""The demo: a gateway with its simulator, asked twice through gRPC, and stopped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile

READY = re.compile(r"hexgate ready: public (\S+) admin (\S+)")


def main() -> int:
    """Returns the exit code: 0 when both answers came and the gateway ended well."""
    keep = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "SSL_CERT_FILE")
    environ = {name: os.environ[name] for name in keep if name in os.environ}
    # Whatever runs or is set on this machine, the demo costs nothing.
    environ["DEFAULT_LLM_PROVIDER"] = "sim"
    environ["HEXGATE_LOG_LEVEL"] = "error"
    with tempfile.TemporaryDirectory() as folder:
        environ["HEXGATE_LEDGER_PATH"] = f"{folder}/hexgate.db"
        command = [sys.executable, "-m", "hexgate"]
        serve = [*command, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        gateway = subprocess.Popen(
            serve, env=environ, cwd=folder, stdout=subprocess.PIPE, text=True
        )
        try:
            assert gateway.stdout is not None
            ready = READY.search(gateway.stdout.readline())
            if ready is None:
                return gateway.wait(timeout=10) or 1
            chat = [*command, "chat", "--address", ready[1]]
            print("\n$ hexgate chat sim/sim-echo 'One API for every model.' --unary")
            unary = subprocess.run(
                [*chat, "sim/sim-echo", "One API for every model.", "--unary"], check=False
            )
            print("\n$ hexgate chat sim/sim-story 'Tell me about gateways.'")
            streamed = subprocess.run(
                [*chat, "sim/sim-story", "Tell me about gateways."], check=False
            )
        finally:
            gateway.terminate()
            ended = gateway.wait(timeout=60)
    return unary.returncode or streamed.returncode or ended


if __name__ == "__main__":
    sys.exit(main())
