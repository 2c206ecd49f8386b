"""The board: its component, the feed that keeps it up to date, and its static picture."""
