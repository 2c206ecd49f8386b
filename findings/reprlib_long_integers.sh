#!/bin/sh
# Guess: reprlib.repr shows any value in a few characters, which is what it is for, and raises nothing.
# What happens: since Python 3.11 it raises a ValueError for an integer of more than 4,300 digits, as repr and str do: it
# asks for the whole text first, and shortens it afterwards. Instances whose own __repr__ fails are caught, integers not.
# Why it matters: an error message is where a value that was never expected is shown. A function that refuses 10**5000 with
# a sentence ends in another error, about string conversion, that names neither the argument nor what was expected.
set -eu
python3 - <<'PYTHON'
import reprlib
import sys


class Broken:
    def __repr__(self):
        raise RuntimeError("no")


def shown(value):
    try:
        return reprlib.repr(value)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


print(sys.version.split()[0])
for name, value in (("a long text", "x" * 10_000), ("a broken __repr__", Broken()), ("10**5000", 10**5000)):
    print(f"{name:18} {shown(value)}")
sys.exit(0 if shown(10**5000).startswith("ValueError") and not shown(Broken()).startswith("RuntimeError") else 1)
PYTHON
