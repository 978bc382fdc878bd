"""Who is told about calls."""
