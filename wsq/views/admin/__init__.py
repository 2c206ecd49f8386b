"""Administration: every recurring task of every store in one table."""
