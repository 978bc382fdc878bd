"""Engines behind the ports. Each imports its library only when it is configured."""
