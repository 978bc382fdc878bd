"""Tests of the breakers."""
