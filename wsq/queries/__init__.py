"""Queries: reads of the projections. Each is a function of a cursor, and none changes anything."""
