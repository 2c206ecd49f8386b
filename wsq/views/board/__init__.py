"""The board: its component and its static version."""
