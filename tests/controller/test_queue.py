"""The agenda: each key once, one worker a key, back-off, fairness. Time is a number that is passed in."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from kubepreview.controller.queue import Agenda, WorkQueue

_A, _B = ("rapidrar", "pr-1"), ("rapidrar", "pr-2")
_OTHER = ("shop", "pr-1")


def test_a_key_that_is_added_twice_is_handed_out_once() -> None:
    """Ten events about one preview are one visit."""
    agenda = Agenda()
    for _ in range(10):
        agenda.add(_A, 0)

    assert (agenda.take(0), agenda.take(0)) == (_A, None)


def test_the_earlier_of_two_times_counts() -> None:
    """A hint is not delayed by a timer, and a timer not by a later hint."""
    agenda = Agenda()
    agenda.add(_A, 60)
    agenda.add(_A, 5)
    agenda.add(_A, 30)

    assert (agenda.next_due_at(), agenda.take(4), agenda.take(5)) == (5, None, _A)


def test_a_key_is_worked_on_by_one_worker_at_a_time() -> None:
    """What is added during a visit is handed out after it."""
    agenda = Agenda()
    agenda.add(_A, 0)
    agenda.take(0)
    agenda.add(_A, 0)
    during = agenda.take(1)
    agenda.done(_A, 0)

    assert (during, agenda.take(1)) == (None, _A)


def test_a_key_rests_after_its_visit() -> None:
    """What is added during a visit, or soon after it, is one visit when the rest is over."""
    agenda = Agenda()
    agenda.add(_A, 0)
    agenda.take(0)
    agenda.add(_A, 0)
    agenda.done(_A, 3)
    agenda.add(_A, 1)
    during = agenda.take(2)

    assert (agenda.next_due_at(), during, agenda.take(3), agenda.take(3)) == (3, None, _A, None)


def test_failures_are_retried_later_and_later_and_success_forgets_them() -> None:
    """The pause doubles up to a minute; after a visit that went well it begins anew."""
    agenda = Agenda()
    pauses = []
    for _ in range(12):
        agenda.add(_A, 0)
        agenda.take(0)
        pauses.append(agenda.failed(_A, 0, spread=0))
        agenda.take(pauses[-1])
    agenda.done(_A, 0)
    agenda.add(_A, 0)
    agenda.take(0)

    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses[-1] == 60
    assert agenda.failed(_A, 0, spread=0) == 0.2


def test_projects_take_turns() -> None:
    """A project with a hundred previews does not starve one with a single one."""
    agenda = Agenda()
    for number in range(100):
        agenda.add(("busy", f"pr-{number}"), 0)
    agenda.add(_OTHER, 1)

    assert _OTHER in {agenda.take(1) for _ in range(2)}


@given(st.lists(st.tuples(st.sampled_from([_A, _B, _OTHER]), st.integers(0, 9)), max_size=30))
def test_nothing_that_was_added_is_ever_lost(added: list[tuple[tuple[str, str], int]]) -> None:
    """Whatever the order, every key is handed out once its time has come."""
    agenda = Agenda()
    for wanted, at in added:
        agenda.add(wanted, at)
    taken = set()
    while (key := agenda.take(9)) is not None:
        taken.add(key)
        agenda.done(key, 0)

    assert taken == {wanted for wanted, _ in added}
    assert len(agenda) == 0


async def test_a_waiting_worker_is_woken_by_a_new_key() -> None:
    """A worker that found nothing waits for the next key, not for a period."""
    queue = WorkQueue()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        worker = group.create_task(queue.take())
        await asyncio.sleep(0)
        queue.add(_A)

    assert worker.result() == _A
