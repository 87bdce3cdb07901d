"""Equal calls at one time are one call."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.frameworks.joined import Joined


class Key:
    """Equal to every other one; says when one is compared with another."""

    def __init__(self, looked: threading.Event) -> None:
        self._looked = looked

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        self._looked.set()
        return isinstance(other, Key)


@pytest.mark.parametrize("fails", [False, True])
def test_a8_who_calls_again_while_the_first_call_runs_gets_its_result_and_starts_nothing(fails):
    calls, joined = [], Joined()
    began, looked, go = threading.Event(), threading.Event(), threading.Event()

    def first():
        calls.append("first")
        began.set()
        assert go.wait(30)
        if fails:
            raise ValueError("no")
        return "bought"

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(joined.once, Key(looked), first)
        assert began.wait(30)
        two = pool.submit(joined.once, Key(looked), lambda: calls.append("second"))
        assert looked.wait(30)
        go.set()
        ends = [repr(future.exception()) if fails else future.result() for future in (one, two)]
    assert ends == (["ValueError('no')"] * 2 if fails else ["bought"] * 2)
    assert calls == ["first"]


def test_calls_after_each_other_are_calls_of_their_own():
    joined = Joined()
    assert [joined.once("k", lambda n=n: n) for n in range(3)] == [0, 1, 2]
