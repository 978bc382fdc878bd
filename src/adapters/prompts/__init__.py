"""Prompt stores."""
