"""Login and permissions: accounts, sessions, and what each user may do."""
