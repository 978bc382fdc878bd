"""How alembic runs the migrations: on the connection, and in the transaction, of `migrate`.

Alembic runs this file itself whenever there is something to migrate.
"""

from __future__ import annotations

from alembic import context

from hexgate.adapters.ledger.postgres.schema import TABLE

context.configure(connection=context.config.attributes["connection"], version_table=TABLE)
with context.begin_transaction():
    context.run_migrations()
