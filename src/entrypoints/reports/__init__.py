"""`hexgate usage` and `hexgate budgets`: what a running gateway tells of money."""
