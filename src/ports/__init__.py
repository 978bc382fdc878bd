"""What the core needs from outside: Protocols, each with a contract suite in tests/contracts."""
