"""Tests of the prompt stores."""
