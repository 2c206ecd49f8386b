"""Passes of the scheduler, and the executor that runs executions side by side."""
