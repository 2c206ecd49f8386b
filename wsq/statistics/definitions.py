"""What each figure means, in the one wording that docstrings, page and documentation share."""

from __future__ import annotations

DEFINITIONS = {
    "Span": "From its beginning (inclusive) to its end (exclusive). An execution belongs to the instant at which it "
    "started, a skipped one to the instant at which it was skipped.",
    "Day": "A calendar day of the store's zone, by when an execution started; of the workspace's zone where stores of "
    "different zones are shown together. It begins at the first instant of its date, so a day on which the clocks "
    "change has 23 or 25 hours. A day without executions counts zero and has no rates.",
    "Executions": "What was carried out: completed, failed, cancelled, and running. Skipped ones are counted apart.",
    "Success rate": "Completed ÷ (completed + failed). Cancelled, running and skipped executions are in neither. "
    "One whose agent said that it could not do it has completed, and is shown apart as “could not”. Where nothing "
    "has completed or failed there is no rate.",
    "Duration": "From start to end, waiting between attempts included, of the executions that completed or failed: "
    "the mean, the median and the 95th percentile.",
    "Percentile": "Exact, with linear interpolation between the two nearest values: of n values in order, percentile "
    "p lies at place 1 + (n − 1) × p. The median is the 50th.",
    "Tokens": "Counted for every execution, however it ended. The cache share is what was read from the cache, of all "
    "that was sent: cache read ÷ (input + cache read + cache write).",
    "Cost": "US dollars, the sum over executions whose model has a known price. Unpriced executions (a model was "
    "asked and its price is not known) are counted apart and never taken for free. What the offline provider does "
    "costs nothing.",
    "Cost per created task": "The cost of the priced executions ÷ the tasks that these executions created.",
    "Dry runs": "What trying prompts out was counted at, in US dollars, tokens of a model without a known price at the "
    "rate of budgets. It is in no other figure.",
    "Failures": "Executions that failed, by the stable word for why.",
    "Lateness": "Start − slot of the automatic executions that were carried out, however they ended; of several "
    "slots settled at once, the newest. Manual executions settle no slot and have no lateness.",
    "Skipped slots": "The slots that skipped executions settled, by why; one of them may settle many.",
    "Retries": "Attempts beyond the first, summed over executions. Takeovers, after a worker was lost, are counted "
    "apart.",
}
"""What a person must know to read the figures, by what they are called."""
