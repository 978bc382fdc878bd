"""Fetching what a request links to."""
