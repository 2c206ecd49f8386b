"""The library: projects, contacts and documents."""
