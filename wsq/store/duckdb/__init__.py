"""The DuckDB file engine. Many processes share the file through short leases."""
