"""Starts a sandbox and `holdline serve` in front of it, runs a command with their addresses in its
environment, and stops what it started. Knows how both are started; knows nothing of the suites.

    stack.py COMMAND [ARGUMENT…]      exit code: that of the command
"""

import contextlib
import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

import certificates

HOLDLINE = Path(os.environ.get("HOLDLINE_BIN", "target/debug/holdline")).resolve()
START_S_MAX = 60
STOP_S_MAX = 15
LINES_MAX = 1000

# What the sandbox has from the start and does not say.
APP_ID, DISPLAY_NUMBER = "670843887433847", "15550783881"

PROVIDERS = ["whatsapp", "sms", "smtp", "control"]
SANDBOX = ["--json", "sandbox", *(f"--{name}-listen=127.0.0.1:0" for name in PROVIDERS)]
TLS_HOSTS = ["holdline.test", "graph.facebook.com"]


def config(sandbox: dict, folder: Path) -> str:
    """An installation with quick timers, on free ports, in front of the sandbox."""
    return f"""
[storage]
url = "sqlite:{folder}/holdline.db"
media_dir = "{folder}/media"

[http]
listen = "127.0.0.1:0"
tls_listen = "127.0.0.1:0"
tls_certificate = "{folder}/server.pem"
tls_key = "{folder}/server.key"

[net]
allow_private_networks = true

[whatsapp]
base_url = "{sandbox["whatsapp"]}"
app_secret_file = "{secret(folder, sandbox["app_secret"])}"
verify_token_file = "{secret(folder, sandbox["verify_token"])}"
access_token_file = "{secret(folder, sandbox["access_token"])}"

[[whatsapp.sender]]
phone_number_id = "{sandbox["phone_number_id"]}"
waba_id = "{sandbox["waba_id"]}"
display_phone_number = "{DISPLAY_NUMBER}"
verified_name = "Holdline Sandbox"

[sms]
enabled = true
base_url = "{sandbox["sms"]}"
account_sid = "{sandbox["sms_account_sid"]}"
auth_token_file = "{secret(folder, sandbox["sms_auth_token"])}"
from = "{sandbox["sms_from"]}"

[failover]
retry_base_ms = 50
retry_max_ms = 1000

[health]
dwell_ms = 500
hold_down_ms = 200
test_per_s = 50
probe_burst_ms = 100
probe_down_ms = 100
ramp_double_ms = 200

[[app]]
id = "{APP_ID}"
secret_file = "{secret(folder, sandbox["app_secret"])}"
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
            env=plain_environment(),
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


def plain_environment() -> dict[str, str]:
    """Our environment without settings of Holdline that somebody made for another purpose."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HOLDLINE_")}


def subscribe(sandbox: dict, holdline_url: str) -> None:
    """Tells the virtual providers where Holdline takes webhooks, as an operator does."""
    grant = httpx.get(
        f"{sandbox['whatsapp']}/oauth/access_token",
        params={
            "grant_type": "client_credentials",
            "client_id": APP_ID,
            "client_secret": sandbox["app_secret"],
        },
    ).raise_for_status()
    httpx.post(
        f"{sandbox['whatsapp']}/{APP_ID}/subscriptions",
        data={
            "object": "whatsapp_business_account",
            "callback_url": f"{holdline_url}/hooks/whatsapp",
            "verify_token": sandbox["verify_token"],
            "fields": "messages,message_template_status_update",
            "access_token": grant.json()["access_token"],
        },
        timeout=30,
    ).raise_for_status()
    httpx.post(
        f"{sandbox['control']}/control/targets",
        json={"sms_inbound_url": f"{holdline_url}/hooks/sms"},
    ).raise_for_status()


def make_token(config_path: Path) -> str:
    command = [str(HOLDLINE), "--config", str(config_path), "token", "create"]
    made = subprocess.run(
        [*command, "--name", "clients", "--app", APP_ID],
        capture_output=True,
        text=True,
        timeout=START_S_MAX,
        env=plain_environment(),
    )
    if made.returncode != 0:
        raise SystemExit(f"holdline token create failed\n{made.stderr}")
    return made.stdout.strip()


def start(folder: Path, started: contextlib.ExitStack) -> tuple[list[Process], dict[str, str]]:
    """Starts both, to be stopped with `started`; gives them and the environment of the suites."""
    certificates.make(folder, TLS_HOSTS)
    sandbox = Process("holdline sandbox", SANDBOX, folder / "sandbox.log")
    started.callback(sandbox.stop)
    given = sandbox.first_json()
    config_path = folder / "holdline.toml"
    config_path.write_text(config(given, folder))
    arguments = ["--config", str(config_path), "--json", "serve"]
    serve = Process("holdline serve", arguments, folder / "serve.log")
    started.callback(serve.stop)
    listening = serve.first_json()
    serve.wait_ready(f"{listening['url']}/readyz")
    subscribe(given, listening["url"])
    return [sandbox, serve], {
        "HOLDLINE_URL": listening["url"],
        "HOLDLINE_TOKEN": make_token(config_path),
        "HOLDLINE_TLS_PORT": listening["tls_url"].rsplit(":", 1)[1],
        "HOLDLINE_TLS_HOSTS": ",".join(TLS_HOSTS),
        "NODE_EXTRA_CA_CERTS": str(folder / "ca.pem"),
        "CONTROL_URL": given["control"],
        "PHONE_ID": given["phone_number_id"],
        "WABA_ID": given["waba_id"],
        "APP_ID": APP_ID,
        "APP_SECRET": given["app_secret"],
        "VERIFY_TOKEN": given["verify_token"],
    }


def main(command: list[str]) -> int:
    if not command:
        raise SystemExit(__doc__)
    if not HOLDLINE.exists():
        raise SystemExit(f"{HOLDLINE} is missing: run `cargo build --package holdline` first")
    # A polite kill, too, must leave nothing running behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with (
        tempfile.TemporaryDirectory(prefix="holdline-clients-") as folder,
        contextlib.ExitStack() as started,
    ):
        processes, addresses = start(Path(folder), started)
        code = subprocess.run(command, env=os.environ | addresses).returncode
        if code != 0:
            for process in processes:
                print(process.complaint("said, at the end:"), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
