"""Many overlapping calls through the real policies and books, in virtual time and by a seed."""
