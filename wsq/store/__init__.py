"""The only room with a database in it."""
