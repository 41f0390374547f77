"""A caller who publishes for as long as he is let, whatever becomes of the node.

What was not answered he repeats under the same id; what was answered he repeats
now and then as well, and compares the answers.
"""

from __future__ import annotations

import random
import threading
from types import TracebackType

import grpc
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.node import NodeProcess

MAX_AT_ONCE = 8
TIMEOUT_S = 60.0


class Writer:
    """One caller of one node; each message's text is its ``client_message_id``.

    Attributes:
        answers: The first answer to each message, by its ``client_message_id``.
        complaints: Answers that contradict an earlier one.
    """

    def __init__(self, node: NodeProcess, chance: random.Random, pause_s: float) -> None:
        self.answers: dict[str, chat_pb2.PublishResponse] = {}
        self.complaints: list[str] = []
        self._name = node.name
        self._chance = chance
        self._pause_s = pause_s
        self._pending: list[str] = []
        self._begun = 0
        self._stopping = threading.Event()
        self._channel = node.open_lasting_channel()
        self._stub = chat_pb2_grpc.ChatServiceStub(self._channel)
        self._thread = threading.Thread(target=self._run, name=f"writer-{self._name}")

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        if kind is not None:
            self._channel.close()
        self._thread.join()
        self._channel.close()

    def finish(self) -> None:
        """Begin nothing new and wait until all is answered; the node must be up."""
        self._stopping.set()
        self._thread.join(TIMEOUT_S)
        assert not self._pending, f"{self._name} did not answer {self._pending}"

    def _run(self) -> None:
        while self._pending or not self._stopping.is_set():
            if not self._stopping.is_set():
                self._begin()
            try:
                self._publish()
            except grpc.RpcError:
                pass
            except ValueError:
                # The channel was closed: the test is over.
                return
            self._stopping.wait(self._pause_s)

    def _begin(self) -> None:
        count = self._chance.randint(1, MAX_AT_ONCE)
        numbers = range(self._begun, self._begun + count)
        self._pending += [f"{self._name} {number}" for number in numbers]
        self._begun += count

    def _publish(self) -> None:
        known = self._chance.sample(sorted(self.answers), min(1, len(self.answers)))
        publishes = [
            chat_pb2.PublishRequest(text=each, client_message_id=each)
            for each in [*self._pending, *known]
        ]
        requests = iter([chat_pb2.PublishStreamRequest(publishes=publishes)])
        for answer in self._stub.PublishStream(requests, timeout=TIMEOUT_S, wait_for_ready=True):
            for result in answer.results:
                if result.HasField("published"):
                    self._take(result.client_message_id, result.published)

    def _take(self, message: str, answer: chat_pb2.PublishResponse) -> None:
        first = self.answers.setdefault(message, answer)
        if (first.message_id, first.cursor) != (answer.message_id, answer.cursor):
            self.complaints.append(f"{message}: {first} then {answer}")
        if message in self._pending:
            self._pending.remove(message)
