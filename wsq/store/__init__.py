"""Database access. No other package imports a database driver."""
