"""What has happened since the last visit."""
