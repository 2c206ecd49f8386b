"""Commands: writes. Each is a function of a transaction that checks a request and records events."""
