"""Rules: schedules, validation, ranks, budgets and roles, as functions of their arguments."""
