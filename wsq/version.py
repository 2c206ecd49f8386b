"""The version of this wsq."""

VERSION = "0.1.0"
