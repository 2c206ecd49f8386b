"""The way down: a wish is judged and becomes events. Each command is a function of a transaction."""
