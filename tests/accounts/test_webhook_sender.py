"""Where webhooks may go, and what is made of the answer: every address was typed by somebody else."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from accounts import webhook_sender
from accounts.webhook_sender import AddressRefused, checked_address, post

PUBLIC = "93.184.215.14"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What each name leads to; all others lead nowhere."""
    known = {"hooks.example.com": [PUBLIC]}

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        if host not in known and not host.replace(".", "").isdigit():
            raise socket.gaierror("unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in known.get(host, [host])]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[httpx.Request]]:
    """Let every address answer as told; return what is sent."""

    def answers(*answers: httpx.Response | Exception) -> list[httpx.Request]:
        left, sent = list(answers), []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            said = left.pop(0)
            if isinstance(said, Exception):
                raise said
            return said

        monkeypatch.setattr(webhook_sender, "transport", httpx.MockTransport(answer))
        return sent

    return answers


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/till",
        "https://hooks.example.com:8443/till?who=me",
        f"https://{PUBLIC}/",
        "https://[2606:4700::1111]:1024/",
        "https://bücher.example/",
    ],
)
def test_public_https_addresses_are_taken(url: str) -> None:
    assert checked_address(url).scheme == "https"


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://hooks.example.com/", "https://"),
        ("ftp://hooks.example.com/", "https://"),
        ("hooks.example.com", "https://"),
        ("https:///path", "host"),
        ("https://user:pass@hooks.example.com/", "signed"),
        ("https://hooks.example.com/#part", "#"),
        ("https://hooks.example.com:22/", "port"),
        ("https://hooks.example.com:99999/", "port"),
        ("https://hooks.example.com/a b", "blanks"),
        ("https://hooks.example.com/\r\nX: y", "blanks"),
        ("https://127.0.0.1/", "not public"),
        ("https://10.1.2.3/", "not public"),
        ("https://169.254.169.254/latest/meta-data/", "not public"),
        ("https://100.64.0.1/", "not public"),
        ("https://224.0.0.1/", "not public"),
        ("https://0.0.0.0/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://[fe80::1]/", "not public"),
        ("https://[fc00::1]/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://[2002:0a00:0001::1]/", "not public"),
        ("https://[64:ff9b::a00:1]/", "not public"),
        ("https://[ff02::1]/", "not public"),
    ],
)
def test_other_addresses_are_refused_in_a_sentence(url: str, word: str) -> None:
    with pytest.raises(AddressRefused, match=word):
        checked_address(url)


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "192.168.1.1"])
def test_a_name_that_leads_inside_is_not_asked(names: dict[str, list[str]], receiver: Any, private: str) -> None:
    names["rebound.example.com"] = [PUBLIC, private]
    sent = receiver()

    answer = post("https://rebound.example.com/", body=b"{}", headers={})

    assert answer.status is None
    assert "not public" in answer.error
    assert sent == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "localhost"])
def test_other_spellings_of_this_machine_are_looked_at_where_they_lead(
    names: dict[str, list[str]], receiver: Any, host: str
) -> None:
    names[host] = ["127.0.0.1"]
    sent = receiver()

    assert post(f"https://{host}/", body=b"{}", headers={}).status is None
    assert sent == []


def test_a_resolver_that_does_not_answer_keeps_nobody_and_gets_no_more_than_some_questions(
    names: dict[str, list[str]], receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked = threading.Event(), []
    resolve = socket.getaddrinfo

    def slow(host: str, port: int, **facts: Any) -> Any:
        asked.append(host)
        assert answers.wait(30)
        return resolve(host, port, **facts)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(webhook_sender, "TIMEOUT", 0.1)
    monkeypatch.setattr(webhook_sender, "_lookups", threading.BoundedSemaphore(2))
    sent = receiver(httpx.Response(204))
    begun = monotonic()

    unanswered = [post("https://hooks.example.com/", body=b"{}", headers={}) for _ in range(4)]

    assert monotonic() - begun < 10
    assert {answer.error for answer in unanswered} == {"Nobody said within 0.1 seconds where hooks.example.com is."}
    assert (len(asked), sent) == (2, [])

    answers.set()
    for thread in threading.enumerate():
        if thread.name == "webhook-lookup":
            thread.join(10)

    assert post("https://hooks.example.com/", body=b"{}", headers={}).is_taken


def test_finding_the_host_counts_towards_the_time_that_all_of_it_may_take(
    names: dict[str, list[str]], receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []
    hung_up_after = webhook_sender._hung_up_after
    resolve = socket.getaddrinfo

    def slow(host: str, port: int, **facts: Any) -> Any:
        sleep(0.3)
        return resolve(host, port, **facts)

    def noted(seconds: float, client: httpx.Client) -> Any:
        left.append(seconds)
        return hung_up_after(seconds, client)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(webhook_sender, "_hung_up_after", noted)
    receiver(httpx.Response(204))

    assert post("https://hooks.example.com/", body=b"{}", headers={}).is_taken
    assert left[0] <= webhook_sender.LONGEST - 0.3


def test_it_connects_to_the_address_that_was_looked_at_and_asks_for_the_name(names: dict[str, list[str]], receiver: Any) -> None:
    sent = receiver(httpx.Response(204))

    answer = post("https://hooks.example.com:8443/till?who=me", body=b'{"a":1}', headers={"Cloudtill-Event": "ping"})

    (request,) = sent
    assert answer.is_taken
    assert str(request.url) == f"https://{PUBLIC}:8443/till?who=me"
    assert request.headers["host"] == "hooks.example.com:8443"
    assert request.extensions["sni_hostname"] == "hooks.example.com"
    assert request.headers["cloudtill-event"] == "ping"
    assert request.method == "POST"
    assert request.content == b'{"a":1}'


def said(status: int, body: bytes = b"", **headers: str) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(body), headers=headers)


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (said(500, b"Oh\n  no"), 500, "Oh no"),
        (said(404), 404, "It answered 404."),
        (said(302, Location="https://127.0.0.1/"), 302, "It answered 302."),
        (said(400, b"x" * 9000), 400, "x" * 500),
        (said(400, b"\xff\x00broken"), 400, "\ufffdbroken"),
        (httpx.ConnectTimeout("slow"), None, "Nobody answered within 10 seconds."),
        (httpx.ConnectError("refused"), None, "It could not be reached: refused"),
        (httpx.RemoteProtocolError("garbage"), None, "It could not be reached: garbage"),
    ],
    ids=["500", "404", "redirect", "long", "not-text", "timeout", "refused", "garbage"],
)
def test_what_is_not_taken_is_told_shortly(
    names: dict[str, list[str]], receiver: Any, answer: Any, status: int | None, error: str
) -> None:
    sent = receiver(answer)

    told = post("https://hooks.example.com/", body=b"{}", headers={})

    assert (told.status, told.error, told.is_taken) == (status, error, False)
    assert len(sent) == 1


def test_a_name_that_leads_nowhere_is_said(names: dict[str, list[str]]) -> None:
    assert post("https://nowhere.example.com/", body=b"{}", headers={}).error == "Nobody knows where nowhere.example.com is."


class _Receiver(BaseHTTPRequestHandler):
    seen: list[tuple[dict[str, str], bytes]] = []

    def do_POST(self) -> None:
        self.seen.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def served() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_over_a_true_connection_a_machine_of_ones_own_is_told_only_where_the_setting_allows(
    served: HTTPServer, settings: Any
) -> None:
    url = f"http://127.0.0.1:{served.server_port}/hook"
    refused = post(url, body=b'{"n":0}', headers={})
    settings.WEBHOOKS_ALLOW_PRIVATE = True

    taken = post(url, body=b'{"n":1}', headers={"Cloudtill-Event": "ping"})

    assert refused.status is None
    assert taken.status == 200
    ((headers, body),) = _Receiver.seen
    assert body == b'{"n":1}'
    assert headers["Cloudtill-Event"] == "ping"
    assert headers["Host"] == f"127.0.0.1:{served.server_port}"
