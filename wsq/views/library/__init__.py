"""The library page: projects, contacts and documents."""
