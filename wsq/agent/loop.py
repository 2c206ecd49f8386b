"""The agent's loop: ask, record, carry out, record, until there is an end.

The state is a fold of the execution's steps and there is no other truth, so a loop that begins in the
middle goes on with the next step: no answer that is on record is asked for again, no tool that is on
record is carried out again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import msgspec

from wsq.agent import tools
from wsq.agent.providers.base import (
    Block,
    Message,
    Most,
    Progress,
    Provider,
    ProviderError,
    Request,
    Turn,
    calls_of,
    text_of,
)
from wsq.clock import Clock, sleep
from wsq.commands import budgets
from wsq.commands import executions as commands
from wsq.errors import LeaseLost, WsqError
from wsq.events.recurring import Limits
from wsq.projections import Execution, RecurringTask
from wsq.queries import executions as queries
from wsq.store.engine import Cursor
from wsq.store.transaction import Transaction

logger = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 3
"""Calls of the model over a whole execution: the first, and at most two that follow a failure."""

SAME_CALLS = 4
"""As many identical calls in a row mean that the model is stuck."""

RESULT_OVERHEAD = 200
"""Bytes that a call's result takes in a request beyond itself."""

CALLS_TOGETHER = 4
"""Calls of one answer that share a transaction at the most: a bound on how long it takes."""

ROOM_EVERY = 0.5
"""Seconds between two tries to set something aside, while others' reservations leave no room."""

LONGEST_WAIT = 60.0
"""Seconds that the back-off between two attempts grows to at the most."""


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Desk(Protocol):
    """Where the loop writes and reads, without waiting for the database itself."""

    clock: Clock

    def submit(
        self,
        decide: Callable[[Transaction], T],
        *,
        actor: str | None = None,
        cause: str | None = None,
        stores: Iterable[str] | None = None,
    ) -> Future[T]:
        """Have a decision committed, that concerns these stores alone; None when it may concern any."""
        ...

    def ask(self, question: Callable[[Cursor], T]) -> T:
        """Answer a short question; blocks."""
        ...


class Conversation(msgspec.Struct, kw_only=True):
    """What has been said so far, and which calls of the last answer are still to be carried out."""

    system: str
    tools: list[dict[str, Any]]
    messages: list[Message]
    pending: list[Block]
    last_calls: list[tuple[str, bytes]]
    last_stop: str | None = None

    def heard(self, content: list[Block], stop_reason: str) -> None:
        """Note an answer of the model."""
        self.messages.append({"role": "assistant", "content": content})
        self.pending = calls_of(content)
        self.last_stop = stop_reason

    def answered(self, call: Block, result: bytes, *, is_error: bool) -> None:
        """Note a call's result; all results of one answer stand in one message."""
        block: Block = {"type": "tool_result", "tool_use_id": call["id"], "content": result.decode()}
        if is_error:
            block["is_error"] = True
        if self.messages[-1]["role"] == "assistant":
            self.messages.append({"role": "user", "content": [block]})
        else:  # a new message, for a request that was made holds on to the old one
            self.messages[-1] = {"role": "user", "content": [*self.messages[-1]["content"], block]}
        self.pending = self.pending[1:]
        self.last_calls = [*self.last_calls, _known_by(call)][-SAME_CALLS:]

    def is_stuck(self) -> bool:
        """Whether the last calls were all the same."""
        return _all_the_same(self.last_calls)

    def next_calls(self, pending: Sequence[Block]) -> list[Block]:
        """Of the calls that are to be carried out, those that may share a transaction: none after one too many."""
        last, together = list(self.last_calls), []
        for call in pending[:CALLS_TOGETHER]:
            if _all_the_same(last):
                break
            last = [*last, _known_by(call)][-SAME_CALLS:]
            together.append(call)
        return together


class _Ended(Exception):
    """The execution has its terminal event; `row` is what it came to."""

    def __init__(self, row: Execution) -> None:
        super().__init__(row.status)
        self.row = row


def first_cost(provider: Provider, execution_id: str, ready: commands.Preparation) -> Most | None:
    """What the first call of an execution may come to at the most; None when it is free."""
    estimate: Callable[[Request], Most] | None = getattr(provider, "most", None)
    if estimate is None:
        return None
    talk = _opening(ready.system, ready.tools, ready.first_message)
    return estimate(
        Request(
            execution_id=execution_id,
            model=ready.model,
            system=talk.system,
            tools=talk.tools,
            messages=talk.messages,
            turn=0,
            seconds=ready.limits.time,
        )
    )


async def carry_out(
    desk: Desk,
    row: Execution,
    task: RecurringTask | None,
    provider: Provider,
    progress: Progress,
    ready: commands.Preparation | None = None,
    leave: Callable[[], None] = lambda: None,
    *,
    with_means: bool = False,
) -> Execution:
    """Carry an execution on to its end and return it as it then is.

    `ready` is what it was started with; without it the conversation is read from the record. `leave` is
    called, perhaps more than once, when no more than its end is left to be written: so that another's
    beginning can be written with it. `with_means` says that what the first call may cost is set aside
    already. Raises `LeaseLost` when another worker has it, `asyncio.CancelledError` when this one is to stop.
    """
    carrier = _Carrier(desk, row, task, provider, progress, leave, with_means=with_means)
    try:
        await carrier.begin(ready)
        while True:
            await carrier.step()
    except _Ended as end:
        return end.row
    except (WsqError, asyncio.CancelledError):
        raise
    except Exception as error:
        logger.exception("An execution ended in an error of wsq itself.", extra={"action": "loop_failed"})
        return await carrier.failed("abandoned", f"wsq met an error of its own: {error!r}")


class _Carrier:
    """One execution being carried out by this process."""

    def __init__(
        self,
        desk: Desk,
        row: Execution,
        task: RecurringTask | None,
        provider: Provider,
        progress: Progress,
        leave: Callable[[], None],
        *,
        with_means: bool,
    ) -> None:
        self.desk = desk
        self.row = row
        self.provider = provider
        self.progress = progress
        self.leave = leave
        self.scope = tools.Scope(
            store_id=row.store_id,
            project_id=row.project_id,
            execution_id=row.id,
            assignees=task.assignees if task else (),
        )
        self.limits = msgspec.json.decode(row.limits or "{}", type=Limits)
        self.talk: Conversation
        self._has_means = with_means

    async def begin(self, ready: commands.Preparation | None) -> None:
        """Take the conversation up where the record leaves it."""
        if (self.row.provider, self.row.provider_kind) != (self.provider.name, self.provider.kind):
            raise _Ended(
                await self.failed(
                    "provider_changed",
                    f"It was begun with {self.row.provider}, which this worker does not have.",
                )
            )
        if ready is not None:
            self.talk = _opening(ready.system, ready.tools, ready.first_message)
        else:
            self.talk = await asyncio.to_thread(self.desk.ask, lambda cursor: recall(cursor, self.row))

    async def step(self) -> None:
        """Carry out the next pending call, end, or ask for the next answer."""
        if self.talk.is_stuck() and self.row.verdict is None:
            words = f"It called {self.talk.last_calls[-1][0]} {SAME_CALLS} times in a row with the same arguments."
            raise _Ended(await self.failed("stuck", words))
        if self.talk.pending:
            await self._take_in(self.talk.pending)
        elif self.row.verdict is not None:
            raise _Ended(await self._write(lambda tx, row: commands.complete(tx, row, row.verdict, row.output)))
        else:
            await self._within_limits()
            await self._ask()

    # Asking

    async def _ask(self) -> None:
        turn = await self._answer()
        message = _message(turn.content)
        content = msgspec.json.decode(message)
        ending = self._ending(turn, content)

        def record(tx: Transaction, row: Execution) -> Execution:
            usage = msgspec.structs.asdict(turn.usage)
            commands.record_answer(
                tx,
                row,
                message=message,
                stop_reason=turn.stop_reason,
                request_id=turn.request_id,
                cost_usd=turn.cost_usd,
                **usage,
            )
            return commands.held(tx, row.id, row.epoch)

        if ending:
            self.leave()
            raise _Ended(await self._write(lambda tx, row: ending(tx, record(tx, row))))
        self.talk.heard(content, turn.stop_reason)
        await self._take_in(self.talk.pending, record)

    def _ending(self, turn: Turn, content: list[Block]) -> Callable[[Transaction, Execution], Execution] | None:
        """What this answer ends the execution with, None when it goes on."""
        words = _storable(text_of(content))
        if self._seconds_left() < 0:  # a provider that waits by another clock than the machine's was not cut off
            return lambda tx, row: commands.fail(tx, row, "timed_out", self._too_long(), words)
        why = f" ({_storable(str(turn.stop_detail))})" if turn.stop_detail else ""
        match turn.stop_reason:
            case "tool_use" if calls_of(content):
                return None
            case "pause_turn":
                return None
            case "max_tokens" | "model_context_window_exceeded":
                return lambda tx, row: commands.fail(
                    tx, row, "truncated", f"The answer was cut off ({turn.stop_reason}).", words
                )
            case "refusal":
                return lambda tx, row: commands.fail(
                    tx, row, "refused", f"The model declined to do what was asked{why}.", words
                )
            case _ if words.strip():
                return lambda tx, row: commands.complete(tx, row, None, words)
            case _:
                return lambda tx, row: commands.fail(tx, row, "empty_answer", "The model's answer was empty.")

    async def _reserve(self) -> None:
        """Set aside what the next call may come to at the most; without room for it the execution ends.

        When there is no room only because of what others have set aside, they are waited for: most calls
        come to far less than that.
        """
        if self._has_means:  # set aside together with what came before
            self._has_means = False
            return
        set_aside = self._setting_aside()
        if set_aside is None:
            return

        def decide(tx: Transaction, row: Execution) -> tuple[budgets.NoRoom | None]:
            return (set_aside(tx, row, 0),)

        time = asyncio.get_running_loop().time
        deadline = time() + self._seconds_left()
        while True:
            (no_room,) = await self._write(decide)
            if no_room is None:
                return
            if not no_room.for_now or self._seconds_left() <= 0 or time() >= deadline:
                raise _Ended(await self.failed("budget", no_room.reason))
            await asyncio.sleep(ROOM_EVERY)

    def _setting_aside(self) -> Callable[[Transaction, Execution, int], budgets.NoRoom | None] | None:
        """What sets aside for the next call, with so many more bytes of results; None when it is free."""
        estimate: Callable[..., Most] | None = getattr(self.provider, "most", None)
        if estimate is None:
            return None
        request = self._request()

        def set_aside(tx: Transaction, row: Execution, unseen: int) -> budgets.NoRoom | None:
            return budgets.reserve(tx, row, estimate(request, unseen=unseen))

        return set_aside

    async def _answer(self) -> Turn:
        """The model's answer, tried again after failures that may pass; every failure is on record."""
        from tenacity import AsyncRetrying, retry_if_exception, wait_exponential_jitter

        backoff = wait_exponential_jitter(initial=1, max=LONGEST_WAIT, jitter=1)

        def wait(state: Any) -> float:
            asked = getattr(state.outcome.exception(), "retry_after", None)
            return max(asked or 0.0, backoff(state))

        async def note(state: Any) -> None:
            error, seconds = state.outcome.exception(), state.upcoming_sleep

            def decide(tx: Transaction, row: Execution) -> None:
                _charge(tx, row, error)
                budgets.release(tx, row)  # while it waits, others may have the room
                commands.record_failed_attempt(tx, row, error=_sentence(error), wait=seconds)

            self.row = await self._write(decide)

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, ProviderError) and error.retryable),
            stop=lambda state: (
                self.row.attempts >= ATTEMPTS or (wait(state) if state.outcome else 0) >= self._seconds_left()
            ),
            wait=wait,
            before_sleep=note,
            sleep=lambda seconds: sleep(self.desk.clock, seconds),
            reraise=True,
        )
        try:
            turn: Turn = await retrying(self._one_attempt)
            return turn
        except TimeoutError:
            raise _Ended(await self.failed("timed_out", self._too_long(), in_call=True)) from None
        except (WsqError, _Ended, asyncio.CancelledError):
            raise
        except Exception as error:
            words = f"{self.provider.name}: {_sentence(error)}"
            raise _Ended(await self.failed("provider", words, charge=error)) from error

    def _request(self) -> Request:
        return Request(
            execution_id=self.row.id,
            model=self.row.model,
            system=self.talk.system,
            tools=self.talk.tools,
            messages=tuple(self.talk.messages),
            turn=self.row.turns,
            seconds=self._seconds_left(),
        )

    async def _one_attempt(self) -> Turn:
        await self._reserve()  # before each attempt: what the one before took is charged by now
        request = self._request()
        try:
            self.progress.asking(request.turn)
            async with asyncio.timeout(max(request.seconds, 0.001)) as limit:
                return _well_formed(await self.provider.turn(request, self.progress))
        except TimeoutError as error:
            if limit.expired():
                raise
            raise ProviderError(f"timed out: {error}", retryable=True) from error

    # Calling

    async def _take_in(
        self, pending: Sequence[Block], record: Callable[[Transaction, Execution], Execution] | None = None
    ) -> None:
        """Put an answer on record, carry out its next calls, and set aside what asking again may cost: at once.

        Several of what each could be a transaction of its own share one: either all of it is there
        afterwards or nothing. Calls that are too many for one are left pending.
        """
        # It may repeat itself once it has given its verdict: then the calls that are left go one by one.
        together = self.talk.next_calls(pending) or list(pending[:1])
        last = len(together) == len(pending)
        set_aside = self._setting_aside() if last else None
        for call in together:
            self.progress.calling(call["name"])
        if last and any(tools.ends(call["name"], call["input"]) for call in together):
            self.leave()

        def decide(tx: Transaction, row: Execution) -> tuple[Execution, list[tools.Outcome], bool]:
            now = record(tx, row) if record else row
            now, outcomes = self._carry_out(tx, now, together)
            if now.status != "running" or not last:
                return now, outcomes, False
            if now.verdict is not None:
                with self._told_by(tx, together[-1]):
                    return commands.complete(tx, now, now.verdict, now.output), outcomes, False
            if set_aside is None or now.turns >= self.limits.turns:
                return now, outcomes, False
            unseen = sum(len(outcome.result) + RESULT_OVERHEAD for outcome in outcomes)
            return now, outcomes, set_aside(tx, now, unseen) is None

        try:
            self.row, outcomes, self._has_means = await self._write(decide)
        except WsqError:
            raise
        except Exception:
            if record:  # it was paid for, whatever went wrong after it
                self.row = await self._write(record)
            raise
        if self.row.status != "running":
            raise _Ended(self.row)
        for call, outcome in zip(together, outcomes, strict=True):
            self.talk.answered(call, outcome.result, is_error=outcome.is_error)

    def _carry_out(
        self, tx: Transaction, row: Execution, calls: Sequence[Block]
    ) -> tuple[Execution, list[tools.Outcome]]:
        """Carry out these calls one after the other, each with the record of it; a limit ends the execution."""
        outcomes: list[tools.Outcome] = []
        for call in calls:
            if row.calls >= self.limits.calls:
                words = f"It made {self.limits.calls} calls of tools and wanted more."
                return commands.fail(tx, row, "call_limit", words), outcomes
            if row.changes >= self.limits.changes and not tools.only_looks(call["name"]):
                words = f"It made {self.limits.changes} changes and wanted more."
                return commands.fail(tx, row, "change_limit", words), outcomes
            before = tx.recorded
            with self._told_by(tx, call):
                outcome = tools.carry_out(tx, self.scope, call["name"], call["input"])
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
        return row, outcomes

    def _told_by(self, tx: Transaction, call: Block) -> AbstractContextManager[None]:
        """What is recorded inside is the agent's doing, and that call is its cause."""
        return tx.told_by(f"agent:{self.row.id}", f"{self.row.id}:{call['id']}")

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
        """Of the working time; what passed while nobody held the lease does not count."""
        worked = self.desk.clock.now() - self.row.started_at - self.row.idle
        return (timedelta(seconds=self.limits.time) - worked).total_seconds()

    def _too_long(self) -> str:
        return f"It took longer than its time limit of {self.limits.time:g} seconds."

    # Writing

    async def failed(
        self, reason: str, error: str, *, charge: BaseException | None = None, in_call: bool = False
    ) -> Execution:
        """End the execution with a reason; `charge` is an error that may have cost something.

        So may a call that was given up in its midst: then what is set aside for it is charged.
        """
        self.leave()

        def decide(tx: Transaction, row: Execution) -> Execution:
            if in_call:
                budgets.charge_reserved(tx, row)
            _charge(tx, row, charge)
            return commands.fail(tx, commands.held(tx, row.id, row.epoch), reason, error)

        ended: Execution = await self._write(decide)
        return ended

    async def _write(
        self,
        decide: Callable[[Transaction, Execution], T],
        *,
        actor: str | None = None,
        cause: str | None = None,
    ) -> Any:
        """Commit a decision on the execution, if it is still this worker's; the row when it gives none.

        A commit that has begun is waited for also when this worker is told to stop: what was written is
        known.
        """
        row_id, epoch = self.row.id, self.row.epoch

        def checked(tx: Transaction) -> Any:
            outcome = decide(tx, commands.held(tx, row_id, epoch))
            return commands.held(tx, row_id, epoch) if outcome is None else outcome

        store_id = self.row.store_id
        return await asyncio.wrap_future(self.desk.submit(checked, actor=actor, cause=cause, stores=[store_id]))


def _charge(tx: Transaction, row: Execution, error: BaseException | None) -> None:
    """Put on record what a failed call took, as far as it is known."""
    usage = getattr(error, "usage", None)
    if usage is not None:
        cost = getattr(error, "cost_usd", None)
        budgets.charge(tx, row, cost_usd=cost, **msgspec.structs.asdict(usage))


def _well_formed(turn: object) -> Turn:
    """The answer, if it is one: anything else is the provider's failure, and nothing of it is recorded."""
    if not isinstance(turn, Turn):
        raise ProviderError(f"it answered with {type(turn).__name__}, not with a Turn", retryable=False)
    for block in turn.content:
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise _malformed(turn, "it answered with a block that has no type")
        called = (block.get("id"), block.get("name"))
        if block["type"] == "tool_use" and not all(isinstance(part, str) and part for part in called):
            raise _malformed(turn, "it called a tool without an id or a name")
        if block["type"] == "tool_use" and "input" not in block:
            raise _malformed(turn, "it called a tool without arguments")
        if block["type"] == "text" and not isinstance(block.get("text"), str):
            raise _malformed(turn, "it answered with a text that is none")
    return turn


def _malformed(turn: Turn, words: str) -> ProviderError:
    """An answer that cannot be used, and that was paid for all the same."""
    return ProviderError(words, retryable=False, usage=turn.usage, cost_usd=turn.cost_usd)


def recall(cursor: Cursor, row: Execution) -> Conversation:
    """The conversation as its record has it; `LeaseLost` when there is none any more."""
    steps = queries.steps(cursor, row.id)
    wanted = [row.system, row.tools, row.first_message, *(step.body for step in steps)]
    bodies = queries.bodies(cursor, [name for name in wanted if name])
    try:
        talk = _opening(*(bodies[name or ""] for name in (row.system, row.tools, row.first_message)))
        for step in steps:
            if step.kind == "answer":
                talk.heard(msgspec.json.decode(bodies[step.body or ""]), step.stop_reason or "")
            elif step.kind == "call":
                talk.answered(talk.pending[0], bodies[step.body or ""], is_error=step.is_error)
    except KeyError as error:
        raise LeaseLost(f"Execution {row.id} has no conversation on record any more.") from error
    return talk


def _opening(system: bytes, offered: bytes, first_message: bytes) -> Conversation:
    return Conversation(
        system=system.decode(),
        tools=_tools(offered),
        messages=[{"role": "user", "content": msgspec.json.decode(first_message)}],
        pending=[],
        last_calls=[],
    )


@lru_cache(maxsize=8)
def _tools(offered: bytes) -> list[dict[str, Any]]:
    """The definitions, decoded once for all executions that were given the same; nobody changes them."""
    definitions: list[dict[str, Any]] = msgspec.json.decode(offered)
    return definitions


def _known_by(call: Block) -> tuple[str, bytes]:
    """What two calls of the same have in common."""
    return call["name"], msgspec.json.encode(call["input"], order="deterministic")


def _all_the_same(calls: Sequence[tuple[str, bytes]]) -> bool:
    return len(calls) == SAME_CALLS and len(set(calls)) == 1


def _sentence(error: BaseException) -> str:
    return _storable(str(error)) or type(error).__name__


def _message(content: Sequence[Block]) -> bytes:
    """The answer's blocks byte for byte; only a lone surrogate, which no JSON in UTF-8 can hold, is replaced."""
    blocks = [dict(block) for block in content]
    try:
        return msgspec.json.encode(blocks)
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", json.dumps(blocks, ensure_ascii=False)).encode()


def _storable(text: str) -> str:
    """What a program said, with U+FFFD in the place of what no database can hold."""
    return _LONE_SURROGATE.sub("\ufffd", text).replace("\0", "\ufffd")
