"""The engine on a PostgreSQL server, for several machines at once; only this package imports psycopg."""
