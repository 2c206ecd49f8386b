"""The agent: a loop that calls a model, runs its tool calls on the board, and records every step."""
