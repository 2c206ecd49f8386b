"""Turns for checking passwords: a flood waits behind itself, and not before everybody else."""

from __future__ import annotations

import asyncio
import time

import pytest

import wsq
from tests.auth.conftest import BEGAN, KEPT, PASSWORD, SECRET
from tests.rings import count
from wsq.agent.providers import OfflineProvider
from wsq.views.auth import passwords
from wsq.views.auth.authenticator import CHECKERS, MANY, Authenticator, TooSoon
from wsq.views.auth.proxies import network_of
from wsq.views.auth.turns import MOST_WAITING, Busy, Turns
from wsq.views.auth.users import User, UsersFile


class Office:
    """Gives turns that last until they are ended, and notes who had one."""

    def __init__(self, places=1):
        self.turns = Turns(places)
        self.had, self.refused, self.gone = [], [], set()
        self.at_once = self.most_at_once = 0
        self.next = asyncio.Semaphore(0)

    def come(self, who, lane, *, known=False):
        return asyncio.create_task(self._wait(who, lane, known))

    async def _wait(self, who, lane, known):
        try:
            async with self.turns.turn((lane,), known=known, is_wanted=lambda: who not in self.gone):
                self.had.append(who)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                await self.next.acquire()
                self.at_once -= 1
        except Busy:
            self.refused.append(who)

    async def settle(self):
        for _ in range(10):
            await asyncio.sleep(0)

    async def end(self, number):
        """End so many turns, one after the other."""
        for _ in range(number):
            self.next.release()
            await self.settle()


def test_a_flood_from_one_network_makes_nobody_else_wait_and_stays_bounded():
    async def scene():
        office = Office()
        for n in range(500):
            office.come(f"flood {n}", "flood")
        await office.settle()
        assert office.turns.waiting() == MOST_WAITING
        assert len(office.refused) == 500 - MOST_WAITING - 1

        office.come("ada", "home")
        office.come("eve", "office")
        await office.settle()
        assert office.turns.waiting() == MOST_WAITING, "the flood gave up its newest"
        await office.end(3)
        assert office.had == ["flood 0", "flood 1", "ada", "eve"]
        await office.end(MOST_WAITING)
        assert office.turns.waiting() == 0

    asyncio.run(scene())


def test_a_flood_from_more_networks_than_may_wait_keeps_no_known_browser_waiting():
    async def scene():
        office = Office()
        for n in range(MOST_WAITING + 50):
            office.come(f"flood {n}", f"network {n}")
        await office.settle()
        assert len(office.refused) == 49

        office.come("ada", "ada", known=True)
        office.come("ada again", "ada", known=True)
        office.come("eve", "eve", known=True)
        await office.settle()
        await office.end(6)
        assert [who for who in office.had if "flood" not in who] == ["ada", "eve", "ada again"]
        assert office.had.index("ada again") <= 6
        await office.end(MOST_WAITING)

    asyncio.run(scene())


def test_who_has_gone_has_no_turn_and_takes_none_from_others():
    async def scene():
        office = Office(places=2)
        tasks = [office.come(n, n % 3) for n in range(20)]
        await office.settle()
        office.gone = set(range(5, 15))
        tasks[19].cancel()
        await office.end(20)
        assert sorted(office.had) == [0, 1, 2, 3, 4, 15, 16, 17, 18]
        assert sorted(office.refused) == list(range(5, 15))
        assert office.most_at_once == 2
        await asyncio.gather(*(office.come(n, n) for n in ("a", "b")), office.end(2))
        assert office.had[-2:] == ["a", "b"], "every place is free again"

    asyncio.run(scene())


@pytest.fixture
def auth(tmp_path):
    users = UsersFile(tmp_path / "users.json")
    for name in ("ada", "eve"):
        users.add(User(name=name, stores={"*": "viewer"}, since=BEGAN, password=KEPT))
    with wsq.open(tmp_path / "team.duckdb", provider=OfflineProvider()) as workspace:
        opened = Authenticator(workspace, users, SECRET)
        yield opened
        opened.close()


def test_a_guesser_with_many_addresses_costs_a_user_at_another_no_attempt(auth):
    addresses = [f"198.51.{n // 250}.{n % 250 + 1}" for n in range(count(300, 3_000))]

    def guess(address):
        try:
            auth.begin_attempt("ada", None, address)
        except TooSoon:
            return 0
        return 1

    guesses = [sum(guess(each) for _ in range(10)) for each in addresses]

    assert guesses == [5] * 10 + [2] * (len(addresses) - 10), f"fewer for each once there were {MANY} for the name"
    for _ in range(2):
        auth.begin_attempt("ada", None, "192.0.2.1")
    with pytest.raises(TooSoon) as wait:
        auth.begin_attempt("ada", None, "192.0.2.1")
    assert wait.value.seconds == 1
    auth.begin_attempt("eve", None, "192.0.2.1")


def test_a_flood_of_wrong_passwords_is_checked_in_turns_and_the_right_one_among_them(auth):
    order = []

    async def log_in(name, password, address):
        attempt = auth.begin_attempt(name, None, address)
        try:
            user = await auth.check(attempt, password, lambda: True)
        except Busy:
            return None
        order.append(address)
        return user

    async def scene():
        flood = [log_in("eve", "a wrong one", f"198.51.100.{n % 20 + 1}") for n in range(60)]
        return await asyncio.gather(*flood, log_in("ada", PASSWORD, "192.0.2.1"))

    *wrong, right = asyncio.run(scene())

    assert wrong == [None] * 60
    assert right.name == "ada"
    # One turn for each network before, and no second one, but for what the checkers have taken meanwhile.
    assert order.index("192.0.2.1") <= 20 + 2 * CHECKERS


def test_an_attempt_that_was_not_checked_is_not_counted(auth):
    async def scene():
        for _ in range(50):
            with pytest.raises(Busy):
                await auth.check(auth.begin_attempt("ada", None, "192.0.2.1"), PASSWORD, lambda: False)

    asyncio.run(scene())


def test_an_unknown_name_costs_as_much_as_a_known_one():
    kept = passwords.hash_password(PASSWORD, user="ada")

    def cost(hashed):
        began = time.thread_time()
        assert not passwords.matches("a wrong password", hashed)
        return time.thread_time() - began

    assert 0.5 < cost(kept) / cost(None) < 2


def test_networks_are_those_of_a_household_or_of_a_site():
    assert network_of("192.0.2.1", 48) == "192.0.2.1"
    assert network_of("2001:db8:1:2:3::4", 64) == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:2:3::4", 48) == "2001:db8:1::/48"
    assert network_of("::ffff:192.0.2.1", 48) == "192.0.2.1"
    assert network_of("unknown", 64) == "unknown"
