"""The board: its component, its live feed, and its static version."""
