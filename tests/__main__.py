"""Tests everything: `python -m tests`, with large counts `python -m tests --long`; pytest gets what else is given.

Installs a browser where there is none. The checks of the source run beside the tests; `--long` runs the quick ring in
other environments first.
"""

from __future__ import annotations

import compileall
import os
import signal
import sys

import pytest

from tests import browser, environments
from tests.checks import ROOT, Checks

WORKERS = min((os.cpu_count() or 1) + 1, 8)
"""Number of pytest's workers: one more than cores, as they wait for browsers, servers and processes now and then."""


def main(arguments: list[str]) -> int:
    """Run the tests; returns 0 if all passed, 1 if not, 2 if they were interrupted or lack what they need."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background ignores it, and its children would
    os.chdir(ROOT)
    found, sentence = browser.get()
    print(sentence, flush=True)
    if found is None:
        return 2
    compileall.compile_dir(ROOT / "wsq", quiet=1)  # else each process does it, where Python is told to keep no bytecode
    ring = "long" if "--long" in arguments else "all"
    given = [argument for argument in arguments if argument != "--long"]
    checks = Checks(environments.outcomes() if ring == "long" else ())
    try:
        return int(pytest.main([f"--ring={ring}", f"-n{WORKERS}", "--durations=10", *given], plugins=[checks]))
    finally:
        checks.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
