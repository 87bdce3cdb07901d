"""The bench's HTTP client: answers whole, in parts, behind one another, and broken."""

import asyncio

import pytest

from scripts.bench.buyer import read
from scripts.bench.errors import BenchFailed
from scripts.bench.wire import Answer, Caller, Connection, request, split

FIRST = b"HTTP/1.1 402 Payment Required\r\nCONTENT-Length: 4\r\nPayment-Required: eyJhIjoxfQ==\r\n\r\nbody"
SECOND = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def test_a_request_names_host_and_headers():
    text = request(8402, "/v1/x?a=1", PAYMENT_SIGNATURE="abc").decode()
    assert text.startswith("GET /v1/x?a=1 HTTP/1.1\r\nHost: 127.0.0.1:8402\r\n")
    assert text.endswith("\r\nPAYMENT-SIGNATURE: abc\r\n\r\n")


@pytest.mark.parametrize("length", range(len(FIRST)))
def test_no_part_of_an_answer_is_taken_for_all_of_it(length):
    assert split(FIRST[:length]) is None


def test_an_answer_ends_where_its_length_says():
    answer, rest = split(FIRST + SECOND)
    assert (answer.status, answer.body, rest) == (402, b"body", SECOND)
    assert split(rest)[0] == Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n", b"")


def test_an_answer_without_a_length_is_refused():
    with pytest.raises(BenchFailed, match="no Content-Length"):
        split(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_a_header_is_found_whatever_its_case_and_place():
    answer, _ = split(FIRST)
    assert answer.header("PAYMENT-REQUIRED") == b"eyJhIjoxfQ=="
    assert answer.header("content-length") == b"4"
    with pytest.raises(BenchFailed, match="has no payment-response"):
        answer.header("payment-response")


def test_an_x402_header_counts_only_with_the_status_that_was_due():
    answer, _ = split(FIRST)
    assert read(answer, "payment-required", 402) == {"a": 1}
    with pytest.raises(BenchFailed, match="200 was due and 402 came: b'body'"):
        read(answer, "payment-required", 200)


def test_a_connection_hands_over_each_answer_once_it_is_whole():
    got, ended = [], []
    connection = Connection(lambda one, answer: got.append(answer.status), ended.append)
    for part in (FIRST[:20], FIRST[20:], SECOND):
        connection.data_received(part)
    assert (got, ended) == ([402, 200], [])


def test_a_connection_tells_when_the_server_ends_it_but_not_when_we_do():
    ended = []
    ours, theirs = (Connection(lambda one, answer: None, ended.append) for _ in range(2))
    ours.close()
    ours.connection_lost(None)
    assert ended == []
    theirs.connection_lost(ConnectionResetError("reset"))
    assert [str(error) for error in ended] == ["the server ended a connection: reset"]


class Wire:
    """A transport that answers each write with the next of some bytes; None ends the connection."""

    def __init__(self, connection, answers):
        self.connection, self.answers, self.written = connection, iter(answers), []

    def write(self, data):
        self.written.append(data)
        given = next(self.answers)
        loop = asyncio.get_running_loop()
        if given is None:
            loop.call_soon(self.connection.connection_lost, None)
        else:
            loop.call_soon(self.connection.data_received, given)


async def test_a_caller_has_one_answer_for_each_request_and_fails_with_its_connection():
    caller = Caller()
    caller._connection = Connection(caller._arrived, caller._failed)
    wire = Wire(caller._connection, [FIRST, SECOND, None])
    caller._connection.connection_made(wire)
    assert [(await caller.ask(data)).status for data in (b"one", b"two")] == [402, 200]
    assert wire.written == [b"one", b"two"]
    with pytest.raises(BenchFailed, match="the server ended a connection"):
        await caller.ask(b"three")
