"""Reducers: how facts become rows. Pure: no clock, no chance, no database."""

from wsq.projections.reducers import keys, reduce
from wsq.projections.rows import (
    TABLES,
    Claim,
    Contact,
    Document,
    Execution,
    Project,
    RecurringTask,
    Row,
    Rows,
    Running,
    Step,
    StoreRow,
    Table,
    Task,
    WorkspaceRow,
)

__all__ = [
    "TABLES", "Claim", "Contact", "Document", "Execution", "Project", "RecurringTask", "Row", "Rows", "Running",
    "Step", "StoreRow", "Table", "Task", "WorkspaceRow", "keys", "reduce",
]  # fmt: skip
