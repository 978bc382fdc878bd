"""The Python client: a channel, credentials and readable errors over the generated stubs."""
