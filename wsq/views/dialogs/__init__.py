"""The dialogs that all pages share: forms, and an execution with its transcript."""
