"""`hexgate simulate` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import grpc

WIRES = ("openai", "anthropic", "azure", "cohere", "gemini", "vertex", "bedrock", "ollama")


def test_it_says_where_each_wire_is_answers_and_ends_on_a_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hexgate", "simulate", "--port", "0", "--seed", "3"]
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=bare, stdout=subprocess.PIPE, text=True
    ) as run:
        try:
            assert run.stdout is not None
            urls = dict(run.stdout.readline().split() for _ in WIRES)
            assert tuple(urls) == WIRES
            with urllib.request.urlopen(f"{urls['ollama']}/api/tags", timeout=30) as response:
                assert b"sim-echo" in response.read()
        finally:
            run.terminate()
        assert run.wait(30) == 0


def test_it_speaks_the_grpc_api_of_vertex_where_it_is_asked_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hexgate", "simulate", "--port", "0"]
    command += ["--vertex-grpc-port", "0"]
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=bare, stdout=subprocess.PIPE, text=True
    ) as run:
        try:
            assert run.stdout is not None
            urls = dict(run.stdout.readline().split() for _ in (*WIRES, "vertex-grpc"))
            target = urls["vertex-grpc"].removeprefix("http://")
            with grpc.insecure_channel(target) as channel:
                grpc.channel_ready_future(channel).result(timeout=30)
        finally:
            run.terminate()
        assert run.wait(30) == 0
