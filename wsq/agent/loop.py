"""The agent's loop: call the model, record its answer, run its tool calls, record their results, until it ends.

The state is a fold of the execution's steps and nothing else, so a loop that starts in the middle continues with the
next step: no recorded answer is asked for again, no recorded tool call is run again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec

from wsq.agent import answer, tools
from wsq.agent.answer import Answer, Figures
from wsq.agent.conversation import SAME_CALLS, Conversation, opening, recall
from wsq.agent.providers.base import Block, Progress, Provider, ProviderError, Request, calls_of, text_of
from wsq.agent.providers.loose import storable
from wsq.clock import Clock, sleep
from wsq.commands import budgets
from wsq.commands import executions as commands
from wsq.commands.executions import Started
from wsq.errors import TEMPORARY, InvalidEvent, LeaseLost, NotFound, WorkspaceError, WsqError
from wsq.events.recurring import Limits
from wsq.projections import Execution
from wsq.queries import boards
from wsq.rules.budgets import Most
from wsq.store.engine import Cursor
from wsq.store.log import Log
from wsq.store.transaction import Transaction
from wsq.vocabulary import FailureReason

logger = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 3
"""Calls of the model that may fail over a whole execution: the first, and at most two retries."""

RESULT_OVERHEAD = 200
"""Bytes that a call's result takes in a request beyond itself."""

ROOM_EVERY = 0.5
"""Seconds between two attempts to reserve, while others' reservations leave no room."""

_STOPS = frozenset({"end_turn", "stop_sequence", "tool_use", "pause_turn"})
"""Reasons with which a whole answer ends; gateways do not distinguish them, so its content decides what follows."""

_CUT = frozenset({"max_tokens", "model_context_window_exceeded"})
"""Reasons with which an answer ends before it is whole."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2.0
"""Seconds between two attempts to write to a workspace that is unavailable; each pause is twice the one before."""

LONGEST_WAIT = 60.0
"""The longest back-off between two attempts, in seconds."""

Reservation = Callable[[Transaction, Execution, int], budgets.NoRoom | None]
"""Reserves for the next call, with so many more bytes of results; returns why a budget does not cover it."""

Ending = Callable[[Transaction, Execution], Execution]
"""Records how an execution ends."""


AlsoReserve = Callable[[Execution, Most | None], Awaitable[budgets.NoRoom | None]]
"""Reserves the greatest cost of an execution's next call elsewhere too, None to release it; returns why it cannot."""


class _Ended(Exception):
    """The execution has its terminal event; `row` is the ended execution."""

    def __init__(self, row: Execution) -> None:
        super().__init__(row.status)
        self.row = row


class _ToolFailed(Exception):
    """A tool ended in an error that no model can have meant; what it did in the transaction must not stand."""

    def __init__(self, call: Block) -> None:
        super().__init__(call["id"])
        self.call = call


async def run(
    log: Log,
    clock: Clock,
    provider: Provider,
    progress: Progress,
    work: Started | Execution,
    release: Callable[[], None],
    lease_left: Callable[[], float],
    also_reserve: AlsoReserve | None = None,
) -> Execution:
    """Run an execution to its end and return the ended execution.

    Args:
        log: Where it is read and written.
        clock: Tells the working time.
        provider: Answers.
        progress: Notified of text and tool calls as they come.
        work: What has just started, or an execution to resume, whose conversation is read from its record.
        release: Called, perhaps more than once, when only the end is left to write, so that another execution's
            start can be written together with it.
        lease_left: Seconds for which nobody else may take the execution over; what cannot be written is tried again
            for as long.
        also_reserve: For a fork, whose own budgets are a copy: reserves in the store that it was forked from.

    Raises:
        LeaseLost: Another worker has taken it over, or it was cancelled.
        asyncio.CancelledError: This worker has to stop.
    """
    running = _Run(log, clock, provider, progress, work, release, lease_left, also_reserve)
    try:
        await running.begin(work)
        while True:
            await running.step()
    except _Ended as end:
        return end.row
    except InvalidEvent as error:
        return await running.failed("abandoned", storable(str(error)), charge=running.unrecorded)
    except (WsqError, asyncio.CancelledError):
        raise
    except Exception as error:
        logger.exception("An execution ended in an error of wsq itself.", extra={"action": "loop_failed"})
        return await running.failed("abandoned", f"wsq met an error of its own: {error!r}")


class _Run:
    """One execution that this process runs."""

    scope: tools.Scope
    conversation: Conversation
    unrecorded: Figures | None = None
    """What an answer took that is not on record yet."""

    def __init__(
        self,
        log: Log,
        clock: Clock,
        provider: Provider,
        progress: Progress,
        work: Started | Execution,
        release: Callable[[], None],
        lease_left: Callable[[], float],
        also_reserve: AlsoReserve | None,
    ) -> None:
        self.log = log
        self.clock = clock
        self.provider = provider
        self.progress = progress
        self.release = release
        self.lease_left = lease_left
        self.also_reserve = also_reserve
        self.row = work.execution if isinstance(work, Started) else work
        self.limits = msgspec.json.decode(self.row.limits or "{}", type=Limits)
        self._cost_reserved = isinstance(work, Started) and work.cost_reserved
        self._outcomes: dict[str, tools.Outcome] = {}  # by call: known before the transaction that records it

    async def begin(self, work: Started | Execution) -> None:
        """Continue the conversation where the record leaves it."""
        if (self.row.provider, self.row.provider_kind) != (self.provider.name, self.provider.kind):
            words = f"It was begun with {self.row.provider}, which this worker does not have."
            raise _Ended(await self.failed("provider_changed", words))
        if isinstance(work, Started):
            assignees, prepared = work.task.assignees, work.preparation
            self.conversation = opening(prepared.system, prepared.tools, prepared.first_message)
        else:
            assignees, self.conversation = await self._trying(
                lambda: asyncio.to_thread(
                    self.log.read, lambda cursor: (_assignees(cursor, work), recall(cursor, work))
                )
            )
        self.scope = tools.Scope(
            store_id=self.row.store_id,
            project_id=self.row.project_id,
            execution_id=self.row.id,
            assignees=assignees,
        )

    async def step(self) -> None:
        """Run the next pending calls, end, or ask for the next answer."""
        if self.row.verdict is not None:
            raise _Ended(await self._write(lambda tx, row: commands.complete(tx, row, row.verdict, row.output)))
        if self.conversation.is_stuck():
            name = self.conversation.last_calls[-1][0]
            words = f"It called {name} {SAME_CALLS} times in a row with the same arguments."
            raise _Ended(await self.failed("stuck", words))
        if pending := self.conversation.pending:
            if self._is_unknown_search(pending[0]):
                await self._search(pending[0])
            await self._run_calls(pending)
        else:
            await self._within_limits()
            await self._ask()

    # Asking

    async def _ask(self) -> None:
        found = await self._answer()
        ending = self._ending(found)
        self.unrecorded = found.figures

        def record(tx: Transaction, row: Execution) -> Execution:
            commands.record_answer(
                tx,
                row,
                message=found.message,
                stop_reason=found.stop_reason,
                request_id=found.request_id,
                **msgspec.structs.asdict(found.figures),
            )
            return commands.held(tx, row.id, row.epoch)

        if ending:
            self.release()
            raise _Ended(await self._write(lambda tx, row: ending(tx, record(tx, row))))
        self.conversation.add_answer(found.content)
        await self._run_calls(self.conversation.pending, record)
        self.unrecorded = None

    def _ending(self, found: Answer) -> Ending | None:
        """How this answer ends the execution, None if it continues.

        The stop reason is a label: where an answer is whole, its content decides, and calls are run.
        """
        words, calls = storable(text_of(found.content)), calls_of(found.content)
        reason = found.stop_reason
        if self._seconds_left() < 0:  # a provider that waits by another clock than the machine's was not cut off
            return _failing("timed_out", self._too_long(), words)
        if reason in _CUT:
            return _failing("truncated", f"The answer was cut off ({reason}).", words)
        if reason == "refusal":
            why = f" ({found.stop_detail})" if found.stop_detail else ""
            return _failing("refused", f"The model declined to do what was asked{why}.", words)
        if reason not in _STOPS:
            if any(tools.ends(call["name"], call["input"]) for call in calls):
                return None
            name = storable(self.provider.name)
            return _failing("provider", f"{name}: the answer ended with an unknown stop reason, {reason!r}.", words)
        if calls or (reason == "pause_turn" and words.strip()):
            return None
        if words.strip():
            return lambda tx, row: commands.complete(tx, row, None, words)
        return _failing("empty_answer", "The model's answer was empty.")

    async def _reserve(self) -> None:
        """Reserve the greatest cost of the next call; if a budget does not cover it the execution ends.

        If there is no room only because of what others have reserved, wait for it: most calls cost far less than
        their greatest cost.
        """
        reserve = self._reservation()
        if reserve is None:
            return
        time = asyncio.get_running_loop().time
        deadline = time() + self._seconds_left()
        while (no_room := await self._no_room(reserve)) is not None:
            if not no_room.for_now or self._seconds_left() <= 0 or time() >= deadline:
                raise _Ended(await self.failed("budget", no_room.reason))
            await asyncio.sleep(ROOM_EVERY)

    async def _no_room(self, reserve: Reservation) -> budgets.NoRoom | None:
        """Why a budget does not cover the next call; None once it is reserved."""
        if self._cost_reserved:  # together with what came before
            self._cost_reserved = False
        elif no_room := await self._write(lambda tx, row: reserve(tx, row, 0)):
            return no_room
        return await self._reserve_elsewhere(answer.reservation(self.provider, self._request()))

    async def _reserve_elsewhere(self, most: Most | None) -> budgets.NoRoom | None:
        also_reserve = self.also_reserve
        return None if also_reserve is None else await self._trying(lambda: also_reserve(self.row, most))

    def _reservation(self) -> Reservation | None:
        """What reserves for the next call, with so many more bytes of results; None if calls are free."""
        if getattr(self.provider, "most", None) is None:
            return None
        request = self._request()

        def reserve(tx: Transaction, row: Execution, unseen: int) -> budgets.NoRoom | None:
            most = answer.reservation(self.provider, request, unseen=unseen)
            return None if most is None else budgets.reserve(tx, row, most)

        return reserve

    async def _answer(self) -> Answer:
        """The model's answer, retried after failures that may pass; every failure is recorded."""
        from tenacity import AsyncRetrying, retry_if_exception, wait_exponential_jitter

        backoff = wait_exponential_jitter(initial=1, max=LONGEST_WAIT, jitter=1)

        def wait(state: Any) -> float:
            return max(answer.retry_after(state.outcome.exception()), backoff(state))

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, ProviderError) and error.retryable),
            stop=lambda state: (
                self.row.attempts >= ATTEMPTS or (wait(state) if state.outcome else 0) >= self._seconds_left()
            ),
            wait=wait,
            before_sleep=self._attempt_failed,
            sleep=lambda seconds: sleep(self.clock, seconds),
            reraise=True,
        )
        try:
            found: Answer = await retrying(self._one_attempt)
            return found
        except TimeoutError:
            raise _Ended(await self.failed("timed_out", self._too_long(), in_call=True)) from None
        except (WsqError, _Ended, asyncio.CancelledError):
            raise
        except Exception as error:
            words = f"{storable(self.provider.name)}: {_sentence(error)}{self._wait_asked_for(error)}"
            raise _Ended(await self.failed("provider", words, charge=self._cost_of(error))) from error

    def _wait_asked_for(self, error: Exception) -> str:
        """The wait that the service asked for, as a sentence, if it is what ended the execution."""
        asked, left = answer.retry_after(error), max(self._seconds_left(), 0.0)
        if not isinstance(error, ProviderError) or not error.retryable or self.row.attempts >= ATTEMPTS or asked < left:
            return ""
        return f" It asked to wait {asked:,.0f} seconds; of the time limit {left:,.0f} are left."

    def _cost_of(self, error: BaseException) -> Figures | None:
        return answer.of_failure(error, self._request(), self.provider)

    async def _attempt_failed(self, state: Any) -> None:
        error, seconds = state.outcome.exception(), state.upcoming_sleep
        cost = self._cost_of(error)

        def decide(tx: Transaction, row: Execution) -> Execution:
            _charge(tx, row, cost)
            budgets.release(tx, row)  # others may use the room while it waits
            commands.record_failed_attempt(tx, row, error=_sentence(error), wait=seconds)
            return commands.held(tx, row.id, row.epoch)

        self.row = await self._write(decide)
        await self._reserve_elsewhere(None)

    def _request(self) -> Request:
        return Request(
            execution_id=self.row.id,
            model=self.row.model,
            system=self.conversation.system,
            tools=self.conversation.tools,
            messages=tuple(self.conversation.messages),
            turn=self.row.turns,
            seconds=self._seconds_left(),
        )

    async def _one_attempt(self) -> Answer:
        await self._reserve()  # before each attempt: what the one before cost is charged by now
        request = self._request()
        try:
            self.progress.asking(request.turn)
            async with asyncio.timeout(max(request.seconds, 0.001)) as limit:
                turn = await self.provider.turn(request, self.progress)
            return answer.received(turn, request, self.provider)
        except TimeoutError as error:
            if limit.expired():
                raise
            raise ProviderError(f"timed out: {error}", retryable=True) from error

    # Calling tools

    async def _run_calls(self, pending: Sequence[Block], record: Ending | None = None) -> None:
        """Record an answer, run its next calls, and reserve for the next question, in one transaction.

        Each could be a transaction of its own; together either all of it is there afterwards or nothing. Calls
        that are too many for one transaction stay pending, and so do searches, which run when the answer is on record.
        """
        together = self.conversation.next_calls(pending, self._is_unknown_search)
        last = len(together) == len(pending)
        reserve = self._reservation() if last else None
        for call in together:
            self.progress.calling(call["name"])
        if any(tools.ends(call["name"], call["input"]) for call in together):
            self.release()

        def decide(tx: Transaction, row: Execution) -> tuple[Execution, list[tools.Outcome], bool]:
            now = record(tx, row) if record else row
            now, outcomes = self._call_tools(tx, now, together)
            if now.status == "running" and now.verdict is not None:
                with self._caused_by(tx, together[len(outcomes) - 1]):
                    return commands.complete(tx, now, now.verdict, now.output), outcomes, False
            if now.status != "running" or not last:
                return now, outcomes, False
            if reserve is None or now.turns >= self.limits.turns:
                return now, outcomes, False
            unseen = sum(len(outcome.result) + RESULT_OVERHEAD for outcome in outcomes)
            return now, outcomes, reserve(tx, now, unseen) is None

        try:
            self.row, outcomes, self._cost_reserved = await self._write(decide)
        except _ToolFailed as failure:
            await self._record_alone(record)
            self._outcomes[failure.call["id"]] = _failed(failure.call, failure.__cause__ or failure)
            return  # the calls are pending
        except (LeaseLost, *TEMPORARY):
            raise
        except Exception:
            await self._record_alone(record)
            raise
        self._outcomes.clear()
        if self.row.status != "running":
            raise _Ended(self.row)
        for call, outcome in zip(together, outcomes, strict=True):
            self.conversation.add_result(call, outcome.result, is_error=outcome.is_error)

    async def _record_alone(self, record: Ending | None) -> None:
        """Record an answer without its calls: it was paid for, whatever went wrong after it."""
        if record:
            self.row = await self._write(record)
            self.unrecorded = None

    def _call_tools(
        self, tx: Transaction, row: Execution, calls: Sequence[Block]
    ) -> tuple[Execution, list[tools.Outcome]]:
        """Run these calls one after the other, each with its record, up to the verdict; a limit ends the execution."""
        outcomes: list[tools.Outcome] = []
        for call in calls:
            if row.calls >= self.limits.calls:
                words = f"It made {self.limits.calls} calls of tools and wanted more."
                return commands.fail(tx, row, "call_limit", words), outcomes
            if row.changes >= self.limits.changes and not tools.only_looks(call["name"]):
                words = f"It made {self.limits.changes} changes and wanted more."
                return commands.fail(tx, row, "change_limit", words), outcomes
            before = tx.recorded
            with self._caused_by(tx, call):
                outcome = self._outcomes.get(call["id"]) or self._call(tx, call)
                commands.record_call(
                    tx,
                    row,
                    tool=call["name"],
                    tool_use_id=call["id"],
                    result=outcome.result,
                    is_error=outcome.is_error,
                    changes=tx.recorded - before,
                    verdict=outcome.verdict,
                    summary=outcome.summary,
                )
            outcomes.append(outcome)
            row = commands.held(tx, row.id, row.epoch)
            if row.verdict is not None:
                break
        return row, outcomes

    def _call(self, tx: Transaction, call: Block) -> tools.Outcome:
        try:
            return tools.run(tx, self.scope, call["name"], call["input"])
        except Exception as error:
            if _is_unavailable(error):
                raise
            raise _ToolFailed(call) from error

    def _is_unknown_search(self, call: Block) -> bool:
        return call["id"] not in self._outcomes and tools.searches(self.scope, call["name"])

    async def _search(self, call: Block) -> None:
        """Run a call outside of any transaction, since it takes as long as there is text."""
        self.progress.calling(call["name"])
        search = partial(tools.search, self.log.read_texts, self.scope, call["name"], call["input"])
        try:
            self._outcomes[call["id"]] = await asyncio.to_thread(search)
        except Exception as error:  # noqa: BLE001 - if the workspace itself is unavailable, the next write says so
            self._outcomes[call["id"]] = _failed(call, error)

    def _caused_by(self, tx: Transaction, call: Block) -> AbstractContextManager[None]:
        """What is recorded inside names the agent as its actor and the call as its cause."""
        return tx.attributed_to(f"agent:{self.row.id}", f"{self.row.id}:{call['id']}")

    # Limits

    async def _within_limits(self) -> None:
        if self._seconds_left() <= 0:
            raise _Ended(await self.failed("timed_out", self._too_long()))
        if self.row.turns >= self.limits.turns:
            words = f"It took {self.limits.turns} turns and had not come to an end."
            raise _Ended(await self.failed("turn_limit", words))
        used = self.row.input_tokens + self.row.output_tokens
        used += self.row.cache_read_tokens + self.row.cache_write_tokens
        if used >= self.limits.tokens:
            words = f"It used {used:,} tokens of the {self.limits.tokens:,} that it may."
            raise _Ended(await self.failed("token_limit", words))

    def _seconds_left(self) -> float:
        """Of the working time; time without a worker does not count."""
        worked = self.clock.now() - self.row.started_at - self.row.idle
        return (timedelta(seconds=self.limits.time) - worked).total_seconds()

    def _too_long(self) -> str:
        return f"It took longer than its time limit of {self.limits.time:g} seconds."

    # Writing

    async def failed(
        self, reason: FailureReason, error: str, *, charge: Figures | None = None, in_call: bool = False
    ) -> Execution:
        """End the execution with a reason; `charge` is what a failed call took.

        So may a call that was interrupted: if `in_call`, what is reserved for it is charged.
        """
        self.release()

        def decide(tx: Transaction, row: Execution) -> Execution:
            if in_call:
                budgets.charge_reserved(tx, row)
            _charge(tx, row, charge)
            return commands.fail(tx, commands.held(tx, row.id, row.epoch), reason, error)

        return await self._write(decide)

    async def _write(self, decide: Callable[[Transaction, Execution], T]) -> T:
        """Commit a decision on the execution, if this worker still holds it.

        A commit that has begun is waited for even if this worker has to stop: what was written is known.
        """
        row_id, epoch, steps = self.row.id, self.row.epoch, self.row.steps
        scope = frozenset({self.row.store_id})

        def checked(tx: Transaction) -> T:
            row = commands.held(tx, row_id, epoch)
            if row.steps != steps:  # a commit whose outcome was not known, or a log that was restored
                said = f"Execution {row_id} has {row.steps} steps on record, not {steps} as this worker knows"
                raise WorkspaceError(f"{said}; the next pass goes on.")
            return decide(tx, row)

        return await self._trying(lambda: asyncio.wrap_future(self.log.submit(checked, clock=self.clock, scope=scope)))

    async def _trying(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try again while the workspace is busy or its disk is full: what is at hand may have been paid for.

        Ends when the lease may have been taken over; if it is renewed meanwhile, at the time limit, but not before
        the length of a lease has passed. A write is safe later too, as its epoch is checked within its transaction.
        """
        time, pause = asyncio.get_running_loop().time, FIRST_PAUSE
        deadline = time() + max(self._seconds_left(), commands.LEASE.total_seconds())
        while True:
            try:
                return await attempt()
            except TEMPORARY as error:
                if min(self.lease_left(), deadline - time()) <= pause:
                    raise
                said = "Execution %s waits for the workspace, to go on: %s"
                logger.info(said, self.row.id, error, extra={"action": "waiting"})
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _assignees(cursor: Cursor, row: Execution) -> tuple[str, ...]:
    """The assignees of the execution's task; nobody if that was deleted."""
    try:
        return boards.recurring_task(cursor, row.store_id, row.recurring_task_id).assignees
    except NotFound:
        return ()


def _failing(reason: FailureReason, error: str, output: str | None = None) -> Ending:
    return lambda tx, row: commands.fail(tx, row, reason, error, output)


def _charge(tx: Transaction, row: Execution, cost: Figures | None) -> None:
    """Record what a failed call took, as far as it is known."""
    if cost is not None:
        budgets.charge(tx, row, **msgspec.structs.asdict(cost))


def _is_unavailable(error: Exception) -> bool:
    """Whether execution or workspace are out of reach; a plain `WorkspaceError` may concern one statement alone."""
    return isinstance(error, LeaseLost) or (isinstance(error, WorkspaceError) and type(error) is not WorkspaceError)


def _failed(call: Block, error: BaseException) -> tools.Outcome:
    """The outcome of a call whose tool failed; the model sees it, as it may do without."""
    logger.error("The tool %s failed.", call["name"], exc_info=error, extra={"action": "tool_failed"})
    return tools.failed(error)


def _sentence(error: BaseException) -> str:
    return storable(str(error)) or type(error).__name__
