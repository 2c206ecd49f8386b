"""The administration page: all recurring tasks of all stores in one table."""
