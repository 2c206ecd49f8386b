#!/bin/sh
# Guess: importing nbformat takes a moment, and which other packages are installed does not matter.
# What happens: jupyter-events requires jsonschema with its extra `format-nongpl`, which installs rfc3987-syntax.
# jsonschema imports that package wherever it finds it, and it builds 38 Lark parsers when it is imported, one for each
# rule of its grammar. So every `import jsonschema`, and with it every `import nbformat`, takes seconds of CPU as soon as
# Jupyter is installed in the same environment, whether or not a format is ever checked.
# Why it matters: programs beside Jupyter (a kernel, a test worker, a command) that only read a notebook pay for it in
# each process. Import nbformat where a notebook is read, and not at the top of a module.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q nbformat==5.11.1 jsonschema==4.26.0
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import subprocess
import sys

IMPORT = """\
import time
began = time.process_time()
import nbformat
took = time.process_time() - began
import sys
lark = sys.modules.get("rfc3987_syntax.syntax_helpers")
print(took, sum(name.startswith("is_valid_syntax_") for name in dir(lark)) if lark else 0)
"""


def imported() -> tuple[float, int]:
    runs = [subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True) for _ in range(3)]
    seconds, parsers = zip(*(run.stdout.split() for run in runs), strict=True)
    return sorted(map(float, seconds))[1], int(parsers[0])


alone = imported()
subprocess.run(
    [sys.executable, "-m", "pip", "install", "-q", "jupyter-events==0.12.0", "rfc3987-syntax==1.1.0", "lark==1.3.1"],
    check=True,
)
beside = imported()
print(f"nbformat 5.11.1, jsonschema 4.26.0: import takes {alone[0]:.2f} s of CPU, {alone[1]} parsers")
print(f"with jupyter-events 0.12.0 installed: {beside[0]:.2f} s of CPU, {beside[1]} parsers")
sys.exit(0 if alone[1] == 0 and beside[1] > 30 and beside[0] > 3 * alone[0] else 1)
PYTHON
