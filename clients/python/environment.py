"""Where the suites find the system under test. Read from the environment; nothing is guessed."""

import contextlib
import os
import time
from dataclasses import dataclass

import httpx

WAIT_S_MAX = 20.0
# Messages sent together to test a route that comes back.
TESTED_AT_ONCE = 5


def need(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set; start the suites with clients/run.sh")
    return value


@dataclass(frozen=True)
class Environment:
    url: str
    token: str
    phone_id: str
    waba_id: str
    app_id: str
    app_secret: str
    verify_token: str
    control_url: str

    @staticmethod
    def load() -> "Environment":
        return Environment(
            url=need("HOLDLINE_URL").rstrip("/"),
            token=need("HOLDLINE_TOKEN"),
            phone_id=need("PHONE_ID"),
            waba_id=need("WABA_ID"),
            app_id=need("APP_ID"),
            app_secret=need("APP_SECRET"),
            verify_token=need("VERIFY_TOKEN"),
            control_url=need("CONTROL_URL").rstrip("/"),
        )


def wait_for(what: str, probe, limit_s: float = WAIT_S_MAX):
    """The first true value of `probe()`; fails, naming `what`, when none comes in time."""
    deadline = time.monotonic() + limit_s
    pause_s = 0.02
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit_s} s in vain for {what}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.25)


class Person:
    """Somebody with a phone, seen and moved through the control port of the sandbox."""

    def __init__(self, environment: Environment, address: str):
        self.address = address
        self._page = f"{environment.control_url}/control/people/{address}"

    def received(self) -> list[dict]:
        answer = httpx.get(self._page, timeout=10)
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        return answer.json()["received"]

    def wait_received(self, count: int = 1) -> list[dict]:
        return wait_for(f"{count} message(s) at {self.address}", lambda: self._at_least(count))

    def write(self, text: str, channel: str = "whatsapp") -> None:
        self._send({"channel": channel, "text": text})

    def press(self, button: str) -> None:
        self._send({"channel": "whatsapp", "button": button})

    def _at_least(self, count: int) -> list[dict] | None:
        received = self.received()
        return received if len(received) >= count else None

    def _send(self, content: dict) -> None:
        answer = httpx.post(f"{self._page}/send", json=content, timeout=10)
        assert answer.is_success, f"{answer.status_code} {answer.text}"


@contextlib.contextmanager
def whatsapp_broken(environment: Environment, people):
    """WhatsApp answers everything with a server error. Afterwards it is whole again, and the way
    back is gone to its end with messages to `people`, so that the next test finds it open."""
    outages = f"{environment.control_url}/control/outages"
    started = httpx.post(outages, json={"profile": "server_errors"}, timeout=10)
    assert started.status_code == 201, started.text
    try:
        yield
    finally:
        httpx.delete(outages, timeout=10).raise_for_status()
    wait_for("WhatsApp in use again", lambda: _tested_until_up(environment, people))


def _tested_until_up(environment: Environment, people) -> bool:
    """True when the route is up; else a few more messages have been sent and have arrived: the
    test that ends an outage wants some twenty that work."""
    credentials = {"Authorization": f"Bearer {environment.token}"}
    routes = httpx.get(f"{environment.url}/api/v1/routes", headers=credentials, timeout=10).json()
    if any(r["channel"] == "whatsapp" and r["health"] == "up" for r in routes["data"]):
        return True
    asked = [next(people) for _ in range(TESTED_AT_ONCE)]
    for person in asked:
        message = {"messaging_product": "whatsapp", "to": person.address, "type": "text"}
        httpx.post(
            f"{environment.url}/v23.0/{environment.phone_id}/messages",
            headers=credentials,
            json=message | {"text": {"body": "Are you there?"}},
            timeout=10,
        ).raise_for_status()
    for person in asked:
        person.wait_received()
    return False
