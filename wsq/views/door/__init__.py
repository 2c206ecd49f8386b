"""The lock on the pages: who has an account, who is in, and what each of them may do."""
