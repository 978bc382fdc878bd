"""Tests of the limiters."""
