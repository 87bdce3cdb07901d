"""What guide and command line say about webhooks works as it is printed."""

import asyncio
import time
from unittest import mock

import httpx
import msgspec
import pytest

from protocol.webhooks import VERSION, WebhookMessage, decode_secret, encode_secret, sign
from server import cli
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.application.announce import announce
from server.domain.webhooks import Kind
from tests.stack.guide import guide_receiver

SECRET, OLD, FOREIGN = (bytes([number]) * 32 for number in (1, 2, 3))


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    with guide_receiver(tmp_path_factory.mktemp("guide"), [encode_secret(SECRET), encode_secret(OLD)]) as running:
        yield running


def message(sequence=1, order="order-1"):
    view = {"id": order} if order else None
    made = WebhookMessage("evt_1", "order.settled", SystemClock().now(), sequence, "paddock", VERSION, view, {})
    return msgspec.json.encode(made)


def post(receiver, body, message_id, secret=SECRET, at=None, **changes):
    headers = sign([secret], message_id, int(at or time.time()), body) | changes
    return httpx.post(receiver.url, content=body, headers=headers)


def test_the_guides_receiver_does_the_work_of_a_message_once(receiver):
    body = message(1, "once")
    assert [post(receiver, body, "msg_once").status_code for _ in range(3)] == [200] * 3
    assert post(receiver, message(2, "once"), "msg_once_2", OLD).status_code == 200
    assert [row for row in receiver.events() if row[0] == "once"] == [
        ("once", 1, "order.settled"), ("once", 2, "order.settled"),
    ]  # fmt: skip


def test_w6_the_guides_receiver_refuses_what_is_forged_edited_or_old(receiver):
    body = message(1, "forged")
    refused = [
        post(receiver, body, "msg_f1", FOREIGN),
        post(receiver, body, "msg_f2", at=time.time() - 301),
        post(receiver, body, "msg_f3", **{"webhook-id": "msg_f4"}),
        httpx.post(receiver.url, content=body + b" ", headers=sign([SECRET], "msg_f5", int(time.time()), body)),
        httpx.post(receiver.url, content=body),
    ]
    assert [answer.status_code for answer in refused] == [400] * 5
    assert not [row for row in receiver.events() if row[0] == "forged"]


def test_w6_a_forged_message_does_not_use_up_an_honest_ones_id(receiver):
    body = message(1, "squatted")
    assert post(receiver, body, "msg_squat", FOREIGN).status_code == 400
    assert post(receiver, body, "msg_squat").status_code == 200
    assert ("squatted", 1, "order.settled") in receiver.events()


def test_the_guides_receiver_takes_a_test_message(receiver):
    assert post(receiver, message(1, None), "msg_test").status_code == 200


# ---------------------------------------------------------------------------------------------------- paddock webhook


class Shell:
    """`paddock webhook …` on a database of its own; a devnet's, unless told otherwise."""

    def __init__(self, url, capture):
        self.environ, self.capture = {"PADDOCK_DEVNET": "1", "PADDOCK_DATABASE_URL": url}, capture

    def run(self, *arguments, **environ):
        self.capture.readouterr()
        with (
            mock.patch.dict("os.environ", self.environ | environ, clear=True),
            mock.patch("sys.argv", ["paddock", "webhook", *arguments]),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main()
        shown = self.capture.readouterr()
        return ended.value.code, shown.out.strip(), shown.err.strip()


@pytest.fixture
def shell(sqlite_url, capsys):
    return Shell(sqlite_url, capsys)


def test_an_endpoint_is_added_listed_rotated_and_removed_by_command(shell):
    status, shown, _ = shell.run("add", "https://hooks.example.com/", "--description", "till")
    assert status == 0
    endpoint, secret = shown.split()
    assert len(decode_secret(secret)) == 32
    assert shell.run("list") == (0, f"{endpoint} https://hooks.example.com/ enabled", "")
    status, shown, _ = shell.run("rotate", endpoint, "--overlap-hours", "0")
    assert status == 0
    assert shown.split()[0] == endpoint
    assert shown.split()[1] != secret
    assert shell.run("remove", endpoint)[0] == 0
    assert shell.run("list") == (0, "", "")


def test_a_dead_message_is_sent_again_by_command(shell, sqlite_url):
    _, shown, _ = shell.run("add", "https://hooks.example.com/")
    endpoint = shown.split()[0]

    async def kill_one():
        db = SqlDatabase(sqlite_url, SystemClock())
        async with db.begin("test") as work:
            await announce(work, "paddock", "order-1", Kind.CASE_OPENED, {})
            delivery = await work.webhooks.next_delivery(endpoint, "order-1")
            delivery.give_up("for the test")
            await work.webhooks.save_delivery(delivery)
        await db.close()
        return delivery.id

    async def states():
        db = SqlDatabase(sqlite_url, SystemClock())
        async with db.read() as view:
            counts = await view.webhooks.counts()
        await db.close()
        return counts

    dead = asyncio.run(kill_one())
    assert asyncio.run(states()) == {"dead": 1}
    status, shown, _ = shell.run("resend", dead)
    assert (status, shown) == (0, f"{dead} (case.opened, order order-1) is on its way")
    assert asyncio.run(states()) == {"waiting": 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "http://127.0.0.1/"), "not a public one"),
        (("add", "nonsense"), "https://"),
        (("add", "https://hooks.example.com/", "--merchant", "nobody"), "no merchant 'nobody'"),
        (("rotate", "we_none"), "no endpoint we_none"),
        (("remove", "we_none"), "no endpoint we_none"),
        (("resend", "msg_none"), "no delivery msg_none"),
    ],
)
def test_what_cannot_be_done_by_command_is_said_in_a_sentence(shell, arguments, words):
    status, shown, error = shell.run(*arguments)
    assert (status, shown) == (2, "")
    assert words in error


def test_off_the_devnet_the_command_needs_the_keys_and_https(shell):
    abroad = {"PADDOCK_DEVNET": "0"}
    status, _, error = shell.run("list", **abroad)
    assert (status, "PADDOCK_WEBHOOK_KEYS is not set" in error) == (2, True)
    keys = {"PADDOCK_WEBHOOK_KEYS": "1:" + "ab" * 32}
    status, _, error = shell.run("add", "http://hooks.example.com/", **abroad, **keys)
    assert (status, "must begin with https://" in error) == (2, True)
    assert shell.run("add", "https://hooks.example.com/", **abroad, **keys)[0] == 0
