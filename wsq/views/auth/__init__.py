"""Login: accounts, sessions, and who a request is from."""
