"""Byte machines: any split of the same bytes gives the same events. No I/O."""
