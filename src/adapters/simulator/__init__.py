"""The provider simulator: real sockets, real wire formats, scripted and seeded faults."""
