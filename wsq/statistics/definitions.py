"""What each figure means, in the one wording that docstrings, page and documentation share."""

from __future__ import annotations

DEFINITIONS = {
    "Span": "From its start (inclusive) to its end (exclusive). A run belongs to the time it started, a skipped run "
    "to the time it was skipped.",
    "Day": "A calendar day in the store's time zone; in the workspace's time zone if stores with different time zones "
    "are shown together. A run belongs to the day it started. A day starts at the first instant of its date, so a day "
    "on which the clocks change has 23 or 25 hours. A day without runs counts zero and has no rates.",
    "Runs": "Completed, failed, cancelled and running. Skipped runs are counted separately.",
    "Success rate": "Completed ÷ (completed + failed). Cancelled, running and skipped runs do not count. A run whose "
    "agent reported that it could not do its work is completed, and is also shown as “could not”. Without completed "
    "or failed runs there is no rate.",
    "Duration": "From start to end of completed and failed runs, including waits between attempts: mean, median and "
    "95th percentile.",
    "Percentile": "Exact, with linear interpolation between the two nearest values: of n ordered values, percentile p "
    "is at position 1 + (n − 1) × p. The median is the 50th percentile.",
    "Tokens": "Of all runs, however they ended. The cache share is the part of the input that was read from the "
    "cache: cache read ÷ (input + cache read + cache write).",
    "Cost": "US dollars, the sum over runs whose model has a known price. Unpriced runs (those of a model without a "
    "known price) are counted separately, never as free. The offline provider costs nothing.",
    "Cost per created task": "The cost of the priced runs ÷ the number of tasks they created.",
    "Dry runs": "The cost of dry runs in US dollars. Tokens of a model without a known price count at the rate that "
    "budgets use. No other figure includes it.",
    "Failures": "Failed runs by reason.",
    "Lateness": "Start − scheduled time of automatic runs that were not skipped, however they ended. If a run covers "
    "several scheduled runs, the newest one counts. Manual runs have no lateness.",
    "Skipped scheduled runs": "Scheduled runs that were skipped, by reason. One skipped run can cover several of them.",
    "Retries": "Attempts after the first, summed over runs. Runs resumed after a worker crashed are counted "
    "separately.",
}
"""What a person must know to read the figures, by what they are called."""
