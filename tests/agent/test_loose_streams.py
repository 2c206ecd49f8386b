"""What services and gateways stream that speak the protocol loosely, through the real SDK: what becomes of each."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

import wsq
from tests.agent.crowd import Crowd, Outcome, crowd
from tests.agent.loose import CASES, LATER, SMILE
from tests.agent.raw import Raw, RawService, answer, called, said, sse
from wsq.agent.providers import ProviderError, Request
from wsq.agent.providers.anthropic import AnthropicProvider
from wsq.events.recurring import ToolCalled

pytestmark = pytest.mark.file
VERDICT = Raw(sse(LATER))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Crowd, RawService]]:
    """A workspace and a service that says what it is told to."""
    with crowd(tmp_path_factory.mktemp("loose")) as both:
        yield both


@pytest.fixture(scope="module")
def world(opened: tuple[Crowd, RawService]) -> Crowd:
    """The workspace."""
    return opened[0]


@pytest.fixture(scope="module")
def outcomes(world: Crowd) -> dict[str, Outcome]:
    """What became of all cases."""
    return dict(zip(CASES, world.run([(case.raw, VERDICT) for case in CASES.values()]), strict=True))


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_a_loose_stream_is_read_for_what_it_plainly_means(outcomes: dict[str, Outcome], name: str) -> None:
    case, found = CASES[name], outcomes[name]
    execution = found.execution

    assert (execution.status, execution.reason, found.made) == (case.status, case.reason, case.made), execution.error
    assert (execution.verdict, execution.attempts, len(found.requests)) == (case.verdict, case.attempts, case.requests)
    assert found.refused == ()
    assert case.error in (execution.error or "")
    assert execution.cost_estimated is case.estimated
    if case.output_tokens is not None:
        assert execution.output_tokens == case.output_tokens
    if "inside the stream" not in case.error:
        assert execution.cost_usd is not None
        assert execution.cost_usd > 0


def test_no_two_calls_of_an_execution_have_the_same_id(world: Crowd, outcomes: dict[str, Outcome]) -> None:
    facts = [event.fact for event in world.store.events()]
    calls = [(fact.execution_id, fact.tool_use_id) for fact in facts if isinstance(fact, ToolCalled)]

    assert len(calls) > len(outcomes)
    assert len(set(calls)) == len(calls)


def test_the_agent_is_told_that_arguments_were_cut(outcomes: dict[str, Outcome]) -> None:
    _, said, told = outcomes["arguments cut under tool_use"].requests[1]["messages"]

    assert said["content"][0]["input"] == {"unparsed_arguments": '{"title": "Ma'}
    assert told["content"][0]["is_error"] is True
    assert "not a JSON object" in told["content"][0]["content"]


def test_a_text_is_put_together_again(outcomes: dict[str, Outcome]) -> None:
    said = outcomes["a pair split between two texts"].requests[1]["messages"][1]

    assert said["content"][0] == {"type": "text", "text": f"{SMILE}\ufffd"}


def test_ids_that_repeat_from_turn_to_turn_are_made_unique(world: Crowd) -> None:
    turns = [answer(called(0, arguments={"title": str(n)}, id_="call_0")) for n in range(3)]

    (found,) = world.run([[*(Raw(sse(turn)) for turn in turns), VERDICT]])

    assert (found.execution.status, found.made, found.refused) == ("completed", ("0", "1", "2"), ())


def test_a_wait_beyond_the_time_left_is_named(world: Crowd) -> None:
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}}
    busy = Raw(json.dumps(error).encode(), status=429, kind="application/json", headers={"retry-after": "3600"})

    (found,) = world.run([[busy]])

    execution = found.execution
    assert (execution.status, execution.reason, execution.attempts) == ("failed", "provider", 1)
    assert execution.error == (
        "anthropic: 429 rate_limit_error: Slow down."
        " It asked to wait 3,600 seconds; of the time limit 300 are left."
    )  # fmt: skip


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/messages"])
def test_a_base_url_may_end_in_v1(
    opened: tuple[Crowd, RawService], open_workspace: Callable[..., wsq.Workspace], path: str
) -> None:
    service = opened[1]
    service.paths.clear()
    service.scripts["0"], service.requests["0"] = [VERDICT], []
    store = open_workspace(provider=AnthropicProvider(api_key="k", base_url=service.url + path)).store("acme")

    execution = store.run_now(store.create_recurring_task("Triage", "This is script 0.", every="1 day").id)

    assert (execution.status, service.paths) == ("completed", {"/v1/messages"})


class Unseen:
    """Nobody watches."""

    def __call__(self, text: str) -> None:
        """Ignore it."""

    def asking(self, turn: int) -> None:
        """Ignore it."""

    def calling(self, tool: str) -> None:
        """Ignore it."""


@pytest.mark.parametrize("begins", [b"", b'event: error\ndata: {"type": "error"}\n\n', b"data: [DONE]\n\n"])
def test_no_stream_is_left_to_the_garbage_collector(begins: bytes) -> None:
    # Given a stream that is read to its end, or ends in the midst of what is sent
    service = RawService()
    service.scripts["1"] = [Raw(begins + sse(answer(said(0), reason="end_turn")), piece=7)]
    first = {"role": "user", "content": [{"type": "text", "text": "script 1"}]}
    request = Request(execution_id="e", model="local", system="", tools=[], messages=[first], turn=0, seconds=10.0)
    unclosed: list[str] = []

    async def ask() -> None:
        sys.set_asyncgen_hooks(finalizer=lambda left: unclosed.append(left.__qualname__))
        provider = AnthropicProvider(api_key="k", base_url=service.url)
        with suppress(ProviderError):
            await provider.turn(request, Unseen())
        gc.collect()
        await provider.aclose()

    # When it is asked for
    asyncio.run(ask())
    service.close()

    # Then its generators are closed before the turn ends
    assert service.requests.keys() == {"1"}
    assert unclosed == []
