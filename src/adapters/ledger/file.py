"""The file of a SQLite ledger: whose it is, and what is in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from hexgate.adapters.ledger.schema import STEPS, mark, upgrade
from hexgate.domain.errors import StoreUnavailable

# Marks the file as ours: "hxgt".
APPLICATION_ID = 0x68786774
# What the write-ahead log may keep of the disk after a burst.
_WAL_BYTES = 64 << 20


def lock(path: Path) -> Callable[[], None]:
    """Make sure that no other process, nor this one, has the ledger open."""
    try:
        fd = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unusable(path, f"cannot be opened: {error.strerror}: {path}.lock") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise unusable(
            path, "is open in another process; stop that one, or give this one a file of its own"
        ) from error
    held = [fd]

    def unlock() -> None:
        if held:
            os.close(held.pop())

    return unlock


def connect(path: Path, labels: Sequence[str], busy_timeout_s: float) -> sqlite3.Connection:
    """The connection that writes, to a ledger of the newest schema, with sums by these labels.
    Raises StoreUnavailable.
    """
    db: sqlite3.Connection | None = None
    try:
        # Rows tell who asked for what: for the owner alone. SQLite's own files follow suit.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(
            path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        _prepare(db, path)
        mark(db, labels)
    except BaseException as error:
        if db is not None:
            db.close()
        if isinstance(error, sqlite3.Error | OSError):
            raise unusable(path, f"cannot be opened: {error}") from error
        raise
    return db


def check(path: Path) -> None:
    """Make sure of a ledger of the newest schema, and write nothing. Raises StoreUnavailable."""
    if not path.is_file():
        raise unusable(path, "is not there; a gateway makes it, at ledger.path")
    try:
        url = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(url, uri=True)) as db:
            version = _version(db, path)
    except sqlite3.Error as error:
        raise unusable(path, f"cannot be read: {error}") from error
    if version < len(STEPS):
        raise unusable(
            path,
            f"was written by an older version (schema {version}, this one knows {len(STEPS)}); "
            "start the gateway once, which leads it to the newest",
        )


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    version = _version(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    upgrade(db, version, APPLICATION_ID)


def _version(db: sqlite3.Connection, path: Path) -> int:
    """The version of its schema, 0 where there is none yet. Raises StoreUnavailable."""
    version: int
    version, application, tables = (
        db.execute(sql).fetchone()[0]
        for sql in (
            "PRAGMA user_version",
            "PRAGMA application_id",
            "SELECT count(*) FROM sqlite_schema",
        )
    )
    if application != APPLICATION_ID and (application or version or tables):
        raise unusable(path, "is the database of another program; give the ledger its own file")
    if version > len(STEPS):
        raise unusable(
            path,
            f"was written by a newer version (schema {version}, this one knows {len(STEPS)}); "
            "upgrade, or give the ledger another file",
        )
    return version


def unusable(path: Path, why: str) -> StoreUnavailable:
    """The refusal of a file, which says what to do."""
    return StoreUnavailable(f"the ledger {path} {why}", metadata={"store": "ledger"})
