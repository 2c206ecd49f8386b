"""Three prompts against the real service, for someone with a key: what was done, said and paid.

    ANTHROPIC_API_KEY=… python -m tests.manual.live [--model claude-sonnet-5-5]

It makes a workspace in a folder of its own and removes it. No test run collects it: it costs some cents and
needs the internet. `ANTHROPIC_BASE_URL` in the key's place asks any server that speaks the protocol.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import wsq
from wsq.errors import WsqError

BUDGET = 0.50
"""US dollars that all of it may cost."""

NOTES = """\
Monday's call. Ada will send the contract by Friday. The export fails for customers with an umlaut in their
name; Grace looks into it. Nobody has taken the new pricing page yet; it must be live on the first.
"""

PROMPTS = {
    "Two calls side by side": (
        "Read the document 'Notes of the call'. Make one task for each thing that somebody has to do, unless the "
        "board has it already; put who does it into the title."
    ),
    "A draft of an e-mail": (
        "Write a document titled 'Draft: reminder' with an e-mail to Ada that reminds her of the contract: the "
        "lines To: and Subject:, an empty line, then three sentences. Today is {{today}}."
    ),
    "Nothing to do": "Archive every task that is in the lane Done. If there is none, say so.",
}


def main() -> int:
    """Carry the prompts out one after the other; 0 when each came to its end."""
    parser = argparse.ArgumentParser(description="Three prompts against the real service.")
    parser.add_argument("--model", help="another model than WSQ_MODEL")
    model = parser.parse_args().model
    if not (os.environ.get("ANTHROPIC_API_KEY") or os.environ.get("ANTHROPIC_BASE_URL")):
        print("Set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL for a server that needs no key.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, wsq.open(Path(folder) / "live.duckdb") as workspace:
        if workspace.provider_kind != "anthropic":
            print(f"The settings ask {workspace.provider_kind}, not a service.", file=sys.stderr)
            return 2
        return _ask(workspace, model)


def _ask(workspace: wsq.Workspace, model: str | None) -> int:
    workspace.create_store("live", budget_per_day=BUDGET)
    store = workspace.store("live")
    project = store.create_project("Website", description="Relaunch by the end of the month.")
    store.create_document("Notes of the call", NOTES, project_id=project.id)
    ada = store.create_contact("Ada Lovelace", email="ada@example.com")
    store.add_contact_to_project(ada.id, project.id)
    ended = []
    for name, prompt in PROMPTS.items():
        task = store.create_recurring_task(name, prompt, every="1 day", project_id=project.id, model=model)
        began = time.monotonic()
        try:
            ended.append(store.run_now(task.id))
        except WsqError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        _tell(store, name, ended[-1], time.monotonic() - began)
    known = [execution.cost_usd for execution in ended if execution.cost_usd is not None]
    unpriced = len(ended) - len(known)
    print(f"All together: ${sum(known):.4f}" + (f", and {unpriced} without a known price" if unpriced else ""))
    for card in store.tasks():
        print(f"  on the board: {card.title} ({card.status})")
    return 0 if all(execution.status == "completed" for execution in ended) else 1


def _tell(store: wsq.Store, name: str, execution: wsq.Execution, seconds: float) -> None:
    cost = "no known price" if execution.cost_usd is None else f"${execution.cost_usd:.4f}"
    print(f"{name}: {execution.status}, {execution.verdict or execution.reason}, {seconds:.1f} s, {cost}")
    print(
        f"  {execution.model}, {execution.turns} answers, {execution.calls} calls;"
        f" {execution.input_tokens:,} tokens in, {execution.output_tokens:,} out,"
        f" {execution.cache_read_tokens:,} read from the cache, {execution.cache_write_tokens:,} written to it"
    )
    for line in store.transcript(execution.id):
        if line.tool:
            print(f"  {line.tool}{' (refused)' if line.is_error else ''}")
    print(f"  {execution.output or execution.error}\n")


if __name__ == "__main__":
    sys.exit(main())
