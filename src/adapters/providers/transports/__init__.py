"""Ways in: I/O and credentials, one file per client library."""
