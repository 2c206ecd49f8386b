"""Counting: how it goes, from the projections and the log alone."""
