"""Model facts and prices."""
