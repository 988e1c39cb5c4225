"""Load: letters posted by several senders, some twice, some late, some never again, and a record of every answer."""

import contextlib
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Self

import requests

from tests.faults.letters import History, Letter

SENDERS = 3
PATIENCE = 90.0
"""Seconds that a sender goes on trying to hand over one letter."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a try came to: `status` None where no answer came. `at` is monotonic."""

    letter: str
    at: float
    status: int | None


@dataclass(slots=True)
class Posting:
    """Senders at work on one history."""

    history: History
    address: str
    seed: int
    pause: float = 0.05
    sent: list[Letter] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    mistakes: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _end: threading.Event = field(default_factory=threading.Event)
    _senders: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for number in range(SENDERS):
            chance = random.Random(f"{self.seed}/{number}")  # noqa: S311 - a seed makes it repeatable
            self._senders.append(threading.Thread(target=self._send_all, args=(chance,)))
            self._senders[-1].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for sender in self._senders:
            sender.join()
        assert self.mistakes == []

    def acknowledged(self) -> set[str]:
        """Name the letters that were answered 202 at least once."""
        return {answer.letter for answer in self.answers if answer.status == 202}

    def count(self, status: int | None) -> int:
        """Count the tries that came to this."""
        return sum(answer.status == status for answer in self.answers)

    def _send_all(self, chance: random.Random) -> None:
        try:
            late: list[Letter] = []
            while not self._end.wait(self.pause * chance.random() * 2):
                letter = self._take()
                if chance.random() < 0.15:
                    late.append(letter)
                    continue
                self._hand_over(letter, chance)
                if late and chance.random() < 0.2:
                    self._hand_over(late.pop(chance.randrange(len(late))), chance)
            for letter in late:
                self._hand_over(letter, chance)
        except BaseException as error:
            self.mistakes.append(error)
            raise

    def _take(self) -> Letter:
        with self._lock:
            self.sent.append(self.history.next())
            return self.sent[-1]

    def _hand_over(self, letter: Letter, chance: random.Random) -> None:
        """Try until it is taken; one in ten gives up after the first try, as GitHub does; one in ten comes twice."""
        manner = chance.random()
        deadline = time.monotonic() + PATIENCE
        while self._post(letter) != 202 and manner > 0.1:
            assert time.monotonic() < deadline, f"{letter.id} was not taken within {PATIENCE} s"
            time.sleep(0.1)
        if manner > 0.9:
            self._post(letter)

    def _post(self, letter: Letter) -> int | None:
        status = None
        url = f"{self.address}/hooks/{letter.connection}"
        with contextlib.suppress(requests.RequestException):
            status = requests.post(url, data=letter.body, headers=dict(letter.headers), timeout=15).status_code
        with self._lock:
            self.answers.append(Answer(letter.id, time.monotonic(), status))
        return status
