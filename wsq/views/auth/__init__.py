"""Login and permissions: who has an account, who is logged in, and what each of them may do."""
