"""Who hears of budgets."""
