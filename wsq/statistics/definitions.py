"""The definition of each figure, shared by docstrings, page and documentation."""

from __future__ import annotations

DEFINITIONS = {
    "Span": "From its start (inclusive) to its end (exclusive). An execution counts at the instant at which it "
    "started, a skipped one at the instant at which it was skipped.",
    "Day": "A calendar day in the store's time zone, by the start of an execution; in the workspace's zone if stores "
    "with different zones are shown together. It begins at the first instant of its date, so a day on which the "
    "clocks change has 23 or 25 hours. A day without executions counts zero and has no rates.",
    "Executions": "Completed, failed, cancelled and running executions. Skipped ones are counted separately.",
    "Success rate": "Completed ÷ (completed + failed). Cancelled, running and skipped executions are not included. "
    "An execution whose agent says that it could not do the task counts as completed, and is also shown as “could "
    "not”. If nothing has completed or failed, there is no rate.",
    "Duration": "From start to end, including the wait between attempts, of completed and failed executions: "
    "the mean, the median and the 95th percentile.",
    "Percentile": "Exact, with linear interpolation between the two nearest values: of n values in order, percentile "
    "p is at position 1 + (n − 1) × p. The median is the 50th.",
    "Tokens": "Counted for every execution, however it ended. The cache share is the part of the sent tokens that was "
    "read from the cache: cache read ÷ (input + cache read + cache write).",
    "Cost": "US dollars, summed over executions whose model has a known price. Unpriced executions (a model was "
    "used whose price is not known) are counted separately and never as free. The offline provider costs nothing.",
    "Cost per created task": "The cost of the priced executions ÷ the tasks that these executions created.",
    "Dry runs": "The cost of dry runs, in US dollars; tokens of a model without a known price count at the rate that "
    "budgets use. It is not part of any other figure.",
    "Failures": "Failed executions, by reason.",
    "Lateness": "Start − scheduled time of automatic executions, however they ended; if several slots are settled at "
    "once, the newest counts. Manual executions settle no slot and have no lateness.",
    "Skipped slots": "The slots that skipped executions settled, by reason; one execution may settle many.",
    "Retries": "Attempts beyond the first, summed over executions. Takeovers, after a worker was lost, are counted "
    "separately.",
}
"""What to know to read the figures, by name."""
