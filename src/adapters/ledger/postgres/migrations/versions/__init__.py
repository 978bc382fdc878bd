"""One file for each version. Never change one that was released."""
