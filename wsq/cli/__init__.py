"""The command line: `wsq-process` for cron, `wsq` for people."""
