"""Judgement, pure: which slots there are, which values are accepted, what comes between two ranks."""
