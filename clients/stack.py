"""Starts a sandbox and `holdline serve` in front of it, runs a command with their addresses in its
environment, and stops what it started. Knows how both are started; knows nothing of the suites.

    stack.py COMMAND [ARGUMENT…]      exit code: that of the command
"""

import contextlib
import itertools
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

import certificates

ROOT = Path(__file__).resolve().parent.parent
HOLDLINE = Path(os.environ.get("HOLDLINE_BIN", ROOT / "target/debug/holdline"))
START_S_MAX = 60
STOP_S_MAX = 15
LINES_MAX = 1000

# The identities the sandbox has from the start.
APP_ID, APP_SECRET, VERIFY_TOKEN = "670843887433847", "app-secret", "verify-token"
PHONE_ID, WABA_ID, DISPLAY_NUMBER = "106540352242922", "102290129340398", "15550783881"
PROVIDER_TOKEN = "sandbox-token"

TLS_HOSTS = ["holdline.test", "graph.facebook.com"]
HOOK_PATH = "/hooks/whatsapp"


def config(whatsapp_url: str, http_port: int, tls_port: int, folder: Path) -> str:
    return f"""
[storage]
url = "sqlite:{folder}/holdline.db"
media_dir = "{folder}/media"

[http]
listen = "127.0.0.1:{http_port}"
public_url = "http://127.0.0.1:{http_port}"
tls_listen = "127.0.0.1:{tls_port}"
tls_certificate = "{folder}/server.pem"
tls_key = "{folder}/server.key"

[net]
allow_private_networks = true

[whatsapp]
base_url = "{whatsapp_url}"
app_secret_file = "{secret(folder, APP_SECRET)}"
verify_token_file = "{secret(folder, VERIFY_TOKEN)}"
access_token_file = "{secret(folder, PROVIDER_TOKEN)}"

[[whatsapp.sender]]
phone_number_id = "{PHONE_ID}"
waba_id = "{WABA_ID}"
display_phone_number = "{DISPLAY_NUMBER}"
verified_name = "Holdline Sandbox"

[[app]]
id = "{APP_ID}"
secret_file = "{secret(folder, APP_SECRET)}"
"""


def secret(folder: Path, value: str) -> Path:
    """A file with the secret in it: the configuration itself may not hold one."""
    path = folder / f"{value}.secret"
    path.write_text(value)
    path.chmod(0o600)
    return path


class Process:
    """A started program: its lines, and a stop by its own process id."""

    def __init__(self, name: str, arguments: list[str], log: Path):
        self.name = name
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue(LINES_MAX)
        self._child = subprocess.Popen(
            [str(HOLDLINE), *arguments],
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            cwd=log.parent,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def first_json(self) -> dict:
        """The first line of the output that is a JSON object."""
        deadline = time.monotonic() + START_S_MAX
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left_s)
            except queue.Empty:
                break
            if line is None:
                break
            if line.lstrip().startswith("{"):
                return json.loads(line)
        raise self.complaint("printed no JSON object")

    def wait_ready(self, url: str) -> None:
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            if self._child.poll() is not None:
                raise self.complaint(f"ended with {self._child.returncode}")
            try:
                if httpx.get(url, timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise self.complaint(f"did not answer 200 at {url}")

    def stop(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
            raise self.complaint(f"did not stop within {STOP_S_MAX} s") from None

    def complaint(self, what: str) -> SystemExit:
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-30:])
        return SystemExit(f"{self.name} {what}\n{tail}")

    def _read(self) -> None:
        """Keeps the first lines; reads on to the end, so that the program never blocks."""
        for line in itertools.chain(self._child.stdout, [None]):
            with contextlib.suppress(queue.Full):
                self._lines.put_nowait(line)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def subscribe(whatsapp_url: str, holdline_url: str) -> None:
    """Tells the virtual WhatsApp where Holdline takes webhooks, as an operator does at Meta."""
    grant = httpx.get(
        f"{whatsapp_url}/oauth/access_token",
        params={
            "grant_type": "client_credentials",
            "client_id": APP_ID,
            "client_secret": APP_SECRET,
        },
    ).raise_for_status()
    httpx.post(
        f"{whatsapp_url}/{APP_ID}/subscriptions",
        data={
            "object": "whatsapp_business_account",
            "callback_url": f"{holdline_url}{HOOK_PATH}",
            "verify_token": VERIFY_TOKEN,
            "fields": "messages,message_template_status_update",
            "access_token": grant.json()["access_token"],
        },
        timeout=30,
    ).raise_for_status()


def make_token(config_path: Path) -> str:
    made = subprocess.run(
        [str(HOLDLINE), "--config", str(config_path), "--json", "token", "create", "clients"],
        capture_output=True,
        text=True,
        timeout=START_S_MAX,
    )
    if made.returncode != 0:
        raise SystemExit(f"holdline token create failed\n{made.stderr}")
    return json.loads(made.stdout)["token"]


def start(folder: Path, started: list[Process]) -> dict[str, str]:
    """Starts both, appends them to `started`, and gives the environment of the suites."""
    certificates.make(folder, TLS_HOSTS)
    http_port, tls_port = free_port(), free_port()
    url = f"http://127.0.0.1:{http_port}"

    sandbox = Process("holdline sandbox", ["sandbox", "--json"], folder / "sandbox.log")
    started.append(sandbox)
    addresses = sandbox.first_json()
    config_path = folder / "holdline.toml"
    config_path.write_text(config(addresses["whatsapp"], http_port, tls_port, folder))

    serve = Process(
        "holdline serve", ["--config", str(config_path), "serve"], folder / "serve.log"
    )
    started.append(serve)
    serve.wait_ready(f"{url}/readyz")
    subscribe(addresses["whatsapp"], url)
    return {
        "HOLDLINE_URL": url,
        "HOLDLINE_TOKEN": make_token(config_path),
        "HOLDLINE_TLS_PORT": str(tls_port),
        "HOLDLINE_TLS_HOSTS": ",".join(TLS_HOSTS),
        "NODE_EXTRA_CA_CERTS": str(folder / "ca.pem"),
        "CONTROL_URL": addresses["control"],
        "PHONE_ID": PHONE_ID,
        "WABA_ID": WABA_ID,
        "APP_ID": APP_ID,
        "APP_SECRET": APP_SECRET,
        "VERIFY_TOKEN": VERIFY_TOKEN,
    }


def main(command: list[str]) -> int:
    if not command:
        raise SystemExit(__doc__)
    if not HOLDLINE.exists():
        raise SystemExit(f"{HOLDLINE} is missing: run `cargo build --package holdline` first")
    started: list[Process] = []
    with tempfile.TemporaryDirectory(prefix="holdline-clients-") as folder:
        try:
            addresses = start(Path(folder), started)
            code = subprocess.run(command, env=os.environ | addresses).returncode
            if code != 0:
                for process in started:
                    print(process.complaint("said, at the end:"), file=sys.stderr)
        finally:
            for process in reversed(started):
                process.stop()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
