"""Searches without a pause, over both edges of several replicas, while something else goes on."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import httpx

from gateway.paging import token_model
from recompose.v1 import search_pb2, search_pb2_grpc
from tests.support.two_bundles import Question

from .conftest import SOON_S, Replica


@dataclass(frozen=True)
class Answer:
    """What a searcher got: ids with scores, and the model that the page token names."""

    question: Question
    hits: list[tuple[str, float]]
    model: str


@dataclass
class Traffic:
    """What came back so far."""

    answers: list[Answer] = field(default_factory=list)
    paged: list[Answer] = field(default_factory=list)
    """First and second page as one, the second asked for a while after the first."""
    failures: list[str] = field(default_factory=list)
    ready: int = 0

    def seen(self, model: str) -> int:
        """Answers of a model."""
        return sum(answer.model == model for answer in self.answers)


@contextmanager
def traffic(replicas: Sequence[Replica], questions: Sequence[Question]) -> Iterator[Traffic]:
    """Ask all questions over and over, until the block ends."""
    found, stop = Traffic(), threading.Event()

    def without_pause(work: Callable[[], None]) -> None:
        while not stop.is_set():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - any failure is what the test looks for
                found.failures.append(repr(error))
                time.sleep(0.1)

    threads = [
        threading.Thread(target=without_pause, args=(work,))
        for replica in replicas
        for work in _searchers(replica, questions, found, stop)
    ]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join(SOON_S)


def _searchers(
    replica: Replica, questions: Sequence[Question], found: Traffic, stop: threading.Event
) -> Iterator[Callable[[], None]]:
    rest = httpx.Client(base_url=replica.http, timeout=SOON_S)
    stub = search_pb2_grpc.SearchServiceStub(grpc.insecure_channel(replica.grpc))

    def page(question: Question, token: str = "") -> tuple[list[tuple[str, float]], str]:
        body = question.json() | ({"page_token": token} if token else {})
        answer = rest.post("/v1/products:search", json=body)
        answer.raise_for_status()
        content = answer.json()
        hits = [(hit["product"]["id"], hit["score"]) for hit in content["hits"]]
        return hits, content["next_page_token"]

    def by_rest() -> None:
        for question in questions:
            hits, token = page(question)
            found.answers.append(Answer(question, hits, token_model(token)))

    def by_grpc() -> None:
        for question in questions:
            request = search_pb2.SearchRequest(modification=question.words, page_size=10)
            if question.product:
                request.reference.product_id = question.product
            answer = stub.Search(request, timeout=SOON_S)
            hits = [(hit.product.id, hit.score) for hit in answer.hits]
            found.answers.append(Answer(question, hits, token_model(answer.next_page_token)))

    def by_pages() -> None:
        for question in questions:
            first, token = page(question)
            stop.wait(0.5)
            second, _ = page(question, token)
            found.paged.append(Answer(question, [*first, *second], token_model(token)))

    def readiness() -> None:
        rest.get("/readyz").raise_for_status()
        found.ready += 1
        time.sleep(0.05)

    yield from (by_rest, by_grpc, by_pages, readiness)
