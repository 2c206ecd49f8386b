"""Connections to the server: requests that never end, too many of them, what proxies report, and a page's websocket."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import resource
import socket
import time
from contextlib import ExitStack, contextmanager

import psutil
import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.httpclient import HTTPClientError

from tests.auth.conftest import SECRET, served, session_of
from tests.auth.sockets import (
    PATCH,
    PULL,
    READY,
    answers,
    changed,
    drawn,
    ended,
    hear,
    opened,
    page_of,
    patch,
    say,
    sent,
)
from wsq.views.auth.sessions import Signer
from wsq.views.live.component import WAITING_BYTES
from wsq.views.server.connections import LIMITS, OTHER_FILES

FILES = 256
MOST = FILES - OTHER_FILES
OF_ONE = MOST // 2
PROXY, STRANGER, OTHER = "127.0.0.9", "127.0.0.2", "127.0.0.3"
"""Addresses of this machine; only the first one is trusted."""


@pytest.fixture(scope="module")
def crowded(team, users, place):
    """`wsq serve` that may open few files, behind a proxy."""
    environment = {
        **os.environ,
        "WSQ_DATABASE": team.place,
        "WSQ_USERS": str(users.path),
        "WSQ_COOKIE_SECRET": SECRET,
        "WSQ_TRUSTED_PROXIES": f"{PROXY}/32",
        "WSQ_ORIGIN": "wsq.example.com",
    }
    with served(environment, place, "prlimit", f"--nofile={FILES}:{FILES}") as house:
        yield house


HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def unfinished(crowded):
    """Requests that never end, begun before the tests that are not about that; and an answered one."""
    with ExitStack() as opened:
        beginnings = [b"", b"GET ", HEALTH[:-2], HEALTH + HEALTH[:9], HEALTH]
        lines = [opened.enter_context(begun(crowded, STRANGER, said)) for said in beginnings]
        assert not any(is_closed(line, 0.05) for line in lines[:-1])
        yield time.monotonic(), lines


@contextmanager
def begun(house, source, said=b"GET /health HTTP/1.1\r\n"):
    """A connection on which something was said, and nothing more is."""
    host, _, port = house.host.rpartition(":")
    with socket.create_connection((host, int(port)), 20, source_address=(source, 0)) as line:
        line.sendall(said)
        yield line


def ask(house, source, path="/health", *, method="GET", **headers):
    """One request from an address: status, headers and text; None if it was refused without an answer."""
    host, _, port = house.host.rpartition(":")
    link = http.client.HTTPConnection(host, int(port), timeout=20, source_address=(source, 0))
    try:
        link.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = link.getresponse()
        return answer.status, answer.msg, answer.read().decode()
    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        return None
    finally:
        link.close()


def is_closed(line, within):
    """Whether the server closes a connection in time; what it says before is read."""
    deadline = time.monotonic() + within
    try:
        while (left := deadline - time.monotonic()) > 0:
            line.settimeout(left)
            if line.recv(1 << 16) == b"":
                return True
    except ConnectionResetError:
        return True
    except TimeoutError:
        pass
    return False


# Requests that never end


def test_three_hundred_unfinished_requests_keep_nobody_out_and_write_a_few_lines(crowded):
    before = len(crowded.log())
    with ExitStack() as opened:
        for _ in range(300):
            opened.enter_context(begun(crowded, PROXY))
        began = time.monotonic()

        answers = [ask(crowded, OTHER)[0] for _ in range(5)]

        assert answers == [200] * 5
        assert time.monotonic() - began < LIMITS["head"] / 2, "nobody has waited for them to be over"
    assert crowded.logged(f"All {MOST} connections are in use: the one waited for longest was closed.")
    written = crowded.log()[before:]
    assert len(written) < 2_000, written
    assert "Traceback" not in written


def test_one_address_takes_half_of_the_connections_at_most(crowded):
    with ExitStack() as opened:
        lines = [opened.enter_context(begun(crowded, STRANGER)) for _ in range(OF_ONE + 6)]

        assert is_closed(lines[-1], 5)
        assert ask(crowded, STRANGER) is None
        assert ask(crowded, OTHER)[0] == 200
        assert ask(crowded, PROXY)[0] == 200
    assert crowded.logged(f"Refused a connection: {STRANGER} has {OF_ONE} already.")
    assert eventually(lambda: ask(crowded, STRANGER) is not None), "they are counted no more once they are closed"


def test_a_client_behind_the_proxy_takes_half_of_them_at_most(crowded):
    said = b"POST /login HTTP/1.1\r\nHost: wsq.example.com\r\nX-Forwarded-For: %s\r\nContent-Length: 9\r\n\r\n"
    with ExitStack() as opened:
        for _ in range(OF_ONE):
            opened.enter_context(begun(crowded, PROXY, said % b"203.0.113.7"))

        # Once the server has read them all
        assert eventually(lambda: ask(crowded, PROXY, X_Forwarded_For="203.0.113.7")[0] == 503)
        assert ask(crowded, PROXY, X_Forwarded_For="203.0.113.8")[0] == 200

    assert crowded.logged(f"Refused a request: 203.0.113.7 has {OF_ONE} already.")


def test_without_a_file_left_for_connections_one_line_is_written_and_they_are_served_later(crowded):
    assert ask(crowded, OTHER, "/board", Cookie=f"wsq-session={session_of('ada')}")[0] == 200  # all is loaded
    process, before = psutil.Process(crowded.process.pid), len(crowded.log())
    used = sum(process.cpu_times()[:2])
    with ExitStack() as opened:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (10, FILES))  # fewer than it has open
        try:
            lines = [opened.enter_context(begun(crowded, OTHER, b"GET /health HTTP/1.0\r\n\r\n")) for _ in range(20)]
            assert crowded.logged("No connection can be accepted: Too many open files.")
            time.sleep(0.5)  # it must not try again and again meanwhile
            assert sum(process.cpu_times()[:2]) - used < 0.3
        finally:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))

        assert all(is_closed(line, 10) for line in lines), "each got its answer"
    written = crowded.log()[before:]
    assert written.count("No connection can be accepted") == 1
    assert "accept()" not in written, "what else lacks files says so itself"


def eventually(holds, within=10.0):
    """Whether something holds, or does soon."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# What proxies report


@pytest.mark.parametrize(
    ("source", "reported", "client"),
    [
        (PROXY, "203.0.113.9", "203.0.113.9"),
        (PROXY, "198.51.100.4, 203.0.113.9", "203.0.113.9"),
        (PROXY, f"198.51.100.4, 203.0.113.9, {PROXY}", "203.0.113.9"),
        (PROXY, "203.0.113.9, somebody", PROXY),
        (PROXY, "::ffff:203.0.113.9", "203.0.113.9"),
        (PROXY, "2001:db8::7", "2001:db8::7"),
        (PROXY, PROXY, PROXY),
        (STRANGER, "203.0.113.9", STRANGER),
        (OTHER, PROXY, OTHER),
    ],
)
def test_an_address_is_believed_from_trusted_proxies_alone(crowded, unfinished, source, reported, client):
    path = f"/seen-as-{abs(hash((source, reported)))}"

    ask(crowded, source, path, X_Forwarded_For=reported)

    assert crowded.logged(f"Refused to an unknown user from {client}: GET '{path}'")


def test_https_is_believed_from_trusted_proxies_alone_and_a_proxy_that_is_not_trusted_is_named_once(
    crowded, unfinished
):
    believed = ask(crowded, PROXY, "/login", X_Forwarded_Proto="https")[1]
    http = ask(crowded, PROXY, "/login", X_Forwarded_Proto="http")[1]
    forged = [
        ask(crowded, STRANGER, "/login", **{name: "https"})[1]
        for name in ("X_Forwarded_Proto", "X_Scheme", "X_Forwarded_Proto")
    ]

    assert believed["Strict-Transport-Security"] == "max-age=31536000"
    assert "secure" in believed["Set-Cookie"].lower()
    for headers in (http, *forged):
        assert headers["Strict-Transport-Security"] is None
        assert "secure" not in headers["Set-Cookie"].lower()
    assert crowded.logged("is not believed. If that is your proxy, add its network to WSQ_TRUSTED_PROXIES.")
    assert crowded.log().count("WSQ_TRUSTED_PROXIES") == 1


# Cookies


def test_behind_tls_cookies_are_this_hosts_alone_and_others_are_not_read(crowded, unfinished):
    session = session_of("ada")
    name = {"https": "__Host-wsq-session", "http": "wsq-session"}
    form = ask(crowded, PROXY, "/login", X_Forwarded_Proto="https")[1]["Set-Cookie"]

    assert re.fullmatch(r"__Host-_xsrf=[^;]+; expires=[^;]+; Path=/; SameSite=Lax; Secure", form), form
    for scheme, right in name.items():
        for cookie in name.values():
            given = {"X_Forwarded_Proto": scheme, "Cookie": f"{cookie}={session}", "Accept": "text/html"}
            assert ask(crowded, PROXY, "/board", **given)[0] == (200 if cookie == right else 303), given


@pytest.mark.parametrize(
    ("source", "reported", "name", "path"),
    [
        (PROXY, "/team", "__Secure-_xsrf", "/team"),
        (PROXY, "/team/wsq/", "__Secure-_xsrf", "/team/wsq"),
        (PROXY, "/", "__Host-_xsrf", "/"),
        (PROXY, "/team; Domain=example.com", "__Host-_xsrf", "/"),
        (PROXY, "//team", "__Host-_xsrf", "/"),
        (PROXY, "/../team", "__Host-_xsrf", "/"),
        (STRANGER, "/team", "_xsrf", "/"),
    ],
)
def test_below_a_path_that_a_trusted_proxy_reports_cookies_are_for_that_path(crowded, source, reported, name, path):
    given = {"X_Forwarded_Proto": "https", "X_Forwarded_Prefix": reported}

    form = ask(crowded, source, "/login", **given)[1]["Set-Cookie"]

    assert form.startswith(f"{name}=")
    assert f"Path={path}" in form.split("; ")
    assert "Domain" not in form
    session = f"{name.replace('_xsrf', 'wsq-session')}={session_of('ada')}"
    assert ask(crowded, source, "/board", Cookie=session, **given)[0] == 200


# A page's websocket

TYPED = "what somebody has typed"
ROLES = {"ada": "admin", "eve": "editor", "vic": "viewer"}
DEEP = "[" * 100_000
MALFORMED = {
    "no JSON": [TYPED],
    "no object": [[TYPED], {}, {}],
    "nothing": ["", "", ""],
    "bytes": [TYPED.encode()],
    "bytes after the header": [PULL, TYPED.encode()],
    "bytes for the content": [PATCH, {}, TYPED.encode()],
    "a header without an id": [{"msgtype": "PULL-DOC-REQ", "x": TYPED}, {}, {}],
    "a header without a kind": [{"msgid": "1", "x": TYPED}, {}, {}],
    "an id that is no text": [{**PULL, "msgid": [TYPED]}, {}, {}],
    "a kind that there is not": [{**PULL, "msgtype": TYPED}, {}, {}],
    "a kind that is no text": [{**PULL, "msgtype": {"x": TYPED}}, {}, {}],
    "a kind that only servers send": [{**PULL, "msgtype": "ACK"}, {}, {"x": TYPED}],
    "an error": [{**PULL, "msgtype": "ERROR"}, {}, {"text": TYPED}],
    "a whole document": [{**PULL, "msgtype": "PUSH-DOC"}, {}, {"doc": {"title": TYPED, "roots": []}}],
    "buffers to come": [{**PATCH, "num_buffers": 2}, {}, {"events": TYPED}],
    "a long header": [{**PULL, "x": TYPED * 100}],
    "long metadata": [PULL, {"x": TYPED * 100}],
    "a deep header": [DEEP[:900], {}, {}],
    "a deep patch": [PATCH, {}, DEEP],
    "a patch that is no JSON": [PATCH, {}, TYPED],
    "a patch without events": [PATCH, {}, {"x": TYPED}],
    "events that are none": [PATCH, {}, {"events": [TYPED]}],
    "too many events": [PATCH, {}, patch(*[READY] * 1_001)],
    "an event without a kind": [PATCH, {}, {"events": [{"x": TYPED}]}],
    "a message that is a text": [PATCH, {}, patch(TYPED)],
    "a message of no model": [PATCH, {}, patch({"type": "event", "name": "data_event", "values": TYPED})],
    "a message of a model that is a text": [
        PATCH,
        {},
        patch(json.loads(json.dumps(sent("x", TYPED)).replace('{"id": "x"}', '"x"'))),
    ],
    "a message of a model that is not there": [PATCH, {}, patch(sent("p0", TYPED))],
    "a message that is no text": [PATCH, {}, patch(sent("p0", {"x": TYPED}))],
    "a message with a model of its own": [PATCH, {}, patch({**sent("p0", TYPED), "type": "object"})],
    "a message with more in it": [PATCH, {}, patch({**sent("p0", TYPED), "x": TYPED})],
}
"""What a browser could send: the parts of a message, as JSON unless they are texts already."""


@pytest.mark.parametrize("name", ROLES)
def test_a_malformed_message_is_refused_in_a_few_words_and_nothing_of_it_is_logged(crowded, name):
    before, token = len(crowded.log()), page_of(crowded, name)

    async def refused(kind):
        async with opened(crowded, name, token) as line:
            await hear(line, "ACK")
            await say(line, MALFORMED[kind])
            return await ended(line)

    for kind in MALFORMED:
        code, reason = asyncio.run(refused(kind))
        assert code == 1008, kind
        assert reason.startswith("Refused a "), kind
        assert len(reason) < 80, kind

    assert crowded.logged(f"page.refused: Refused a message in bytes, of '{name}' from 127.0.0.1")
    assert eventually(lambda: crowded.log()[before:].count("page.refused") == len(MALFORMED))
    written = crowded.log()[before:]
    for text in ("Traceback", TYPED, TYPED[:10], "[[[["):
        assert text not in written, text


def test_a_page_that_is_not_ours_or_has_expired_is_refused_in_a_few_words(crowded):
    key = Signer(SECRET).key("pages").hex().encode()
    page = generate_session_id(key, signed=True)
    old = generate_jwt_token(page, key, signed=True, expiration=-10)
    before = len(crowded.log())

    async def refused(**given):
        async with opened(crowded, "ada", **given) as line:
            return await ended(line)

    assert asyncio.run(refused(token=old)) == (1008, "Refused a page that has expired.")
    assert asyncio.run(refused(token=old[:-1] + "_")) == (1008, "Refused a page that is not ours.")
    assert asyncio.run(refused(protocol="other")) == (1008, "Refused a page that is not ours.")
    for token in ("e30.e30", "e30", "x" * 3_000):
        with pytest.raises(HTTPClientError, match="403"):
            asyncio.run(refused(token=token))
    assert "Traceback" not in crowded.log()[before:]


@pytest.mark.parametrize("name", ROLES)
def test_what_pages_send_is_answered_and_what_would_change_a_model_is_left_out(crowded, name):
    async def visited():
        async with opened(crowded, name) as line:
            model = await drawn(line)
            await say(line, [PATCH, {}, changed(model, "esm", TYPED)])
            await hear(line, "OK")
            [told] = [each async for each in answers(line, model, {"type": "search", "ref": 7, "text": "secret"})]
            await say(line, [PULL, {}, {}])
            return told, await hear(line, "PULL-DOC-REPLY")

    told, document = asyncio.run(visited())

    assert told["ok"]
    assert TYPED not in json.dumps(document)


def test_requests_that_wait_are_bounded_in_bytes_and_the_page_goes_on(crowded, team):
    size = 1_000_000
    flood = [{"type": "search", "ref": ref, "text": "x" * size} for ref in range(2, 42)]
    create = {"type": "create_task", "ref": 1, "title": "After the wait", "lane": "todo", "project": None}

    async def answered():
        async with opened(crowded, "eve") as line:
            model = await drawn(line)
            with team._log.engine.write():  # so that the page's first request waits, and all others behind it
                for request in (create, *flood):
                    await say(line, [PATCH, {}, patch(sent(model, json.dumps(request)))])
                    await hear(line, "OK")
            return [told["ref"] async for told in answers(line, model, {"type": "search", "ref": 99, "text": "wait"})]

    refs = asyncio.run(answered())

    assert refs == [*range(1, len(refs)), 99]
    assert 10 < len(refs) <= WAITING_BYTES // size + 2
    assert crowded.logged("page.flood: A page sent too many requests at once; some were dropped.")
    assert crowded.log().count("page.flood") == 1


# At the end, when they have had their time


def test_an_unfinished_request_is_closed_in_time_and_an_answered_one_may_be_followed_by_another(crowded, unfinished):
    since, (*lines, answered) = unfinished

    closed = [is_closed(line, max(1, since + LIMITS["head"] + 5 - time.monotonic())) for line in lines]

    assert closed == [True] * len(lines)
    answered.settimeout(10)
    assert answered.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
    answered.sendall(HEALTH)
    assert answered.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
