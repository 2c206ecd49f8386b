"""The hands: passes of the scheduler, and the executor that carries executions out side by side."""
