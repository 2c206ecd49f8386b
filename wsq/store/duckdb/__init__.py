"""The engine on a DuckDB file, which many processes use at once through short leases."""
