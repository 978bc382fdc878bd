"""One connection to PostgreSQL: made when it is needed, bounded in time, made again when lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeAlias

import msgspec
import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

Db: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

# A host that vanished is noticed by the kernel, too: after 10 s at the latest.
_DEFAULTS: Mapping[str, str | int] = {
    "fallback_application_name": "hexgate",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,
}
# Whatever the defaults of a database or an account are: numbers come back as they were written.
_ALWAYS = {"extra_float_digits": "1"}
# Settings that a server does not know are left out: what they do is done by others as well.
_SET = (
    "SELECT set_config(name, wish.value, false) "
    "FROM jsonb_each_text(%s::jsonb) AS wish(name, value) JOIN pg_settings USING (name)"
)
# What is acknowledged is on the disk. Other values than these may say that more has to be so.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)

_encode = msgspec.json.Encoder().encode


class ServerTimeout(psycopg.OperationalError):
    """The server did not answer in time, so the connection was given up."""


def parameters(dsn: str, connect_s: float) -> dict[str, Any]:
    """What to connect with; the DSN's own word counts. Raises psycopg.ProgrammingError."""
    connect = {"connect_timeout": max(2, round(connect_s))}
    return {**_DEFAULTS, **connect, **conninfo_to_dict(dsn), "client_encoding": "UTF8"}


@contextlib.asynccontextmanager
async def pipelined(db: Db) -> AsyncIterator[None]:
    """A pipeline that raises what failed first, not what was given up because of it.

    It must not see a failure of its own before it ends, or it would put it into the log.
    """
    first: BaseException | None = None
    try:
        async with db.pipeline():
            try:
                yield
            except psycopg.Error as error:
                first = error
    except psycopg.Error as error:
        first = first or error
    while isinstance(first, errors.PipelineAborted) and first.__context__ is not None:
        first = first.__context__
    if first is not None:
        raise first


class Link:
    """`settings` are those of the server's session; where `prepared`, it keeps the plans of its
    statements. For one task at a time.
    """

    def __init__(
        self, dsn: str, connect_s: float, settings: Mapping[str, str], *, prepared: bool = False
    ) -> None:
        self._parameters = parameters(dsn, connect_s)
        # Where there are several hosts, those that hang are passed over.
        self._connect_s = connect_s * len(str(self._parameters.get("host")).split(","))
        self._prepare_threshold = 0 if prepared else None
        self._settings = _encode({**_ALWAYS, **settings}).decode()
        self._db: Db | None = None
        self._given_up = False

    @property
    def there(self) -> bool:
        """Whether there is a connection; it may have been lost since it was used."""
        return self._db is not None

    async def get(self) -> Db:
        """The connection. Raises psycopg.Error when none can be made, in bounded time."""
        if self._db is None:
            self._db = await self._connect()
        return self._db

    @contextlib.asynccontextmanager
    async def bounded(self, seconds: float) -> AsyncIterator[None]:
        """Give the connection up when what is done within takes longer: ServerTimeout.

        A cancellation would wait for the server to hear of it, and a server that hangs does not.
        """
        late = asyncio.get_running_loop().call_later(seconds, self._give_up)
        try:
            yield
        except psycopg.OperationalError as error:
            if self._given_up:
                raise ServerTimeout(f"no answer within {seconds} s") from error
            raise
        finally:
            late.cancel()

    async def drop(self) -> None:
        """Close the connection; the next `get` makes another."""
        db, self._db, self._given_up = self._db, None, False
        if db is not None:
            await db.close()

    async def _connect(self) -> Db:
        db: Db | None = None
        try:
            # Names are looked up in threads, for as long as those take.
            async with asyncio.timeout(self._connect_s):
                db = await psycopg.AsyncConnection.connect(
                    **self._parameters, autocommit=True, prepare_threshold=self._prepare_threshold
                )
                await db.execute(_SET, (self._settings,))
                await db.execute(_DURABLE)
        except BaseException as error:
            if db is not None:
                await db.close()
            if isinstance(error, TimeoutError):
                raise ServerTimeout(f"no connection within {self._connect_s} s") from error
            raise
        return db

    def _give_up(self) -> None:
        """Make whoever waits for the server see the end of the connection."""
        if self._db is None or self._db.closed:
            return
        self._given_up = True
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._db.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)
