"""Serves a model with llama.cpp's own HTTP server until SIGTERM, or until standard input ends.

Run by the Python of .venv-llama, which has what it imports: serve_model.py FILE
It prints one line when it answers: `engine ready: http://127.0.0.1:PORT`.
"""

from __future__ import annotations

import signal
import sys

import xllamacpp  # type: ignore[import-not-found]  # .venv-llama has it

CONTEXT = 16_384
SLOTS = 2


def main(path: str) -> None:
    """Serve on a port of the system's choice."""
    wish = xllamacpp.CommonParams()
    wish.model.path = path
    wish.n_ctx = CONTEXT * SLOTS  # the slots share it
    wish.n_parallel = SLOTS
    wish.cpuparams.n_threads = 1
    wish.hostnames = ["127.0.0.1"]
    wish.port = 0
    wish.warmup = False
    wish.use_jinja = True
    wish.endpoint_metrics = True
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = xllamacpp.Server(wish)
    sys.stdout.write(f"engine ready: {server.listening_address}\n")
    sys.stdout.flush()
    # Whoever started this holds the other end, so it cannot outlive them.
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
