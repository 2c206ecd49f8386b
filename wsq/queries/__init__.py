"""The way up: questions to the projections. Each is a function of a cursor; none changes anything."""
