"""Runs the client suites one after the other against the addresses in the environment, and adds up
what passed and failed. A suite that runs nothing has failed."""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent
SUITE_S_MAX = 600
PASSED_MIN = 1


def main() -> int:
    counts = [python_suite(), node_suite()]
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def python_suite() -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        arguments = ["-q", "-p", "no:cacheprovider", "-W", THREAD_FAULTS, f"--junitxml={report}"]
        run("pywa, heyoo", [sys.executable, "-m", "pytest", *arguments], CLIENTS / "python")
        if not report.exists():
            return (0, 1)
        suite = ElementTree.parse(report).getroot().find("testsuite")
    total = int(suite.get("tests"))
    # A skipped test proves nothing, so it counts as failed.
    failed = sum(int(suite.get(kind)) for kind in ("failures", "errors", "skipped"))
    return judged(total - failed, failed)


# An exception in a thread of a library (its registration, its receiver) fails the test.
THREAD_FAULTS = "error::pytest.PytestUnhandledThreadExceptionWarning"


# What the SDK says about each request that its receiver gets.
NODE_NOISE = re.compile(r"^# \[ \d+ \].*\n", re.MULTILINE)


def node_suite() -> tuple[int, int]:
    arguments = ["--test-reporter=tap", "--test", "test_sdk.mjs"]
    environment = {
        "HOLDLINE_MEND_RECEIVER": "1",
        # The runner starts each file in a process of its own: options reach it by this variable.
        "NODE_OPTIONS": "--require=./preload.cjs",
    }
    output = run("Node SDK", ["node", *arguments], CLIENTS / "node", environment, NODE_NOISE)
    counts = dict(re.findall(r"^# (pass|fail|cancelled|skipped|todo) (\d+)$", output, re.MULTILINE))
    if "pass" not in counts:
        return (0, 1)
    failed = sum(int(counts.get(kind, 0)) for kind in ("fail", "cancelled", "skipped", "todo"))
    return judged(int(counts["pass"]), failed)


def judged(passed: int, failed: int) -> tuple[int, int]:
    return (passed, failed if passed >= PASSED_MIN else failed + 1)


def run(
    name: str,
    command: list[str],
    folder: Path,
    environment: dict | None = None,
    noise: re.Pattern | None = None,
) -> str:
    """Runs a suite, shows and returns what it prints, all but the noise."""
    print(f"==> {name}", flush=True)
    child = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SUITE_S_MAX,
    )
    output = noise.sub("", child.stdout) if noise else child.stdout
    print(output, flush=True)
    return output


if __name__ == "__main__":
    sys.exit(main())
