"""The page of what has happened since the last visit."""
