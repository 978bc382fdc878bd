"""The ledger in PostgreSQL, for any number of gateways at once. Imported when it is configured."""
