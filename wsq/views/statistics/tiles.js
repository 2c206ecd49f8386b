// The figures at the top.

import { h } from "../page/elements.js";
import { money, percent, shortNumber } from "../page/numbers.js";
import { formatSeconds } from "./values.js";

/** @returns {[key: string, name: string, value: string, ...notes: (string | false)[]][]} */
export function tilesOf(total) {
  const tokens = total.input_tokens + total.output_tokens + total.cache_read_tokens + total.cache_write_tokens;
  const others = [
    [total.cancelled, "cancelled"],
    [total.running, "running"],
  ];
  const ended = [[total.completed, "completed"], [total.failed, "failed"], ...others.filter(([number]) => number)];
  const couldNot = total.could_not && `${shortNumber(total.could_not)} completed as “could not”`;
  return [
    [
      "executions",
      "Runs",
      shortNumber(total.executions),
      ended.map(([number, word]) => `${shortNumber(number)} ${word}`).join(", "),
    ],
    ["success_rate", "Success rate", percent(total.success_rate), couldNot || "of completed and failed"],
    [
      "duration",
      "Duration, median",
      formatSeconds(total.duration_median),
      total.duration_p95 !== null &&
        `95 % within ${formatSeconds(total.duration_p95)}, mean ${formatSeconds(total.duration_mean)}`,
    ],
    [
      "cost",
      "Cost",
      money(total.cost_usd),
      total.unpriced > 0 && `${shortNumber(total.unpriced)} unpriced, not included`,
      total.cost_per_created_task !== null && `${money(total.cost_per_created_task)} per created task`,
      total.tried_usd > 0 && `and ${money(total.tried_usd)} for dry runs`,
    ],
    [
      "tokens",
      "Tokens",
      shortNumber(tokens),
      total.cache_share !== null && `${percent(total.cache_share)} of the input from cache`,
    ],
    [
      "lateness",
      "Lateness, median",
      formatSeconds(total.lateness_median),
      total.lateness_p95 !== null &&
        `95 % within ${formatSeconds(total.lateness_p95)}, at most ${formatSeconds(total.lateness_max)}`,
    ],
    [
      "skipped",
      "Skipped",
      shortNumber(total.skipped_slots),
      total.skipped > 0 && `scheduled runs, in ${shortNumber(total.skipped)} skipped runs`,
    ],
    [
      "retries",
      "Retries",
      shortNumber(total.retries),
      total.retried > 0 && `in ${shortNumber(total.retried)} runs`,
      total.takeovers > 0 && `${shortNumber(total.takeovers)} takeovers`,
    ],
  ];
}

export function drawTiles(total) {
  return tilesOf(total).map(([key, name, value, ...notes]) => {
    const lines = notes.filter(Boolean).map((note) => h("p", null, note));
    const attributes = { class: "tile", "aria-label": name, "data-figure": key };
    return h("section", attributes, h("h3", null, name), h("strong", null, value), lines);
  });
}
