"""Scheduler passes, the executor that runs executions concurrently, and notifications."""
