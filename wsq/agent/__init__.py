"""The guest: a loop that asks a model, carries out its tools on the board, and records every step."""
