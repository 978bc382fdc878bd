"""Decorators of the provider port, one policy per file."""
