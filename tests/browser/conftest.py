"""A real server process that can be killed, and Chromium as a person or a tablet uses it."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from client import free_port
from playwright.sync_api import BrowserContext, Page, Playwright

import demo

ROOT = Path(__file__).parent.parent.parent
PHONE = {"width": 360, "height": 740}
TABLET = {"width": 1024, "height": 768}
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


def chromium() -> str:
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    return found or pytest.fail("no Chromium: `python3 bootstrap.py test` installs one")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    return {**browser_type_launch_args, "executable_path": chromium(), "args": ARGUMENTS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict) -> dict:
    return {**browser_context_args, "viewport": PHONE, "locale": "en-GB"}


class Server:
    """The app as it is served for real, on a folder of its own; `kill()` is SIGKILL."""

    def __init__(self, instance: Path, port: int | None = None) -> None:
        self.instance = instance
        self.port = port or free_port()
        self.url = f"http://localhost:{self.port}"
        self.process: subprocess.Popen | None = None

    def start(self, **settings: str) -> "Server":
        environment = os.environ | {
            "APP_INSTANCE": str(self.instance),
            "DEMO": "1",
            "DEMO_NOW": demo.NOW.isoformat(),
            "PORT": str(self.port),
        }
        with (self.instance / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "granian", "--interface", "wsgi", "--factory"),
                    *("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
                    *("--blocking-threads", "2", "--no-access-log", "app:create_app"),
                ],
                cwd=ROOT,
                env=environment | settings,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()
        return self

    def _wait(self) -> None:
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=1):  # noqa: S310  ours
                    return
            except OSError:
                assert self.process.poll() is None, (self.instance / "server.log").read_text()
                time.sleep(0.05)
        raise TimeoutError("the server did not start")

    def kill(self) -> None:
        """Dead at once, with its workers; nothing answers at its port any more."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys, database, demo and rendered pages, made once by the real commands."""
    instance = tmp_path_factory.mktemp("instance")
    environment = os.environ | {
        "APP_INSTANCE": str(instance),
        "DEMO": "1",
        "DEMO_NOW": demo.NOW.isoformat(),
    }
    for command in (
        [sys.executable, "-m", "sealing", str(instance / "keys.json")],
        [sys.executable, "-m", "flask", "--app", "app", "setup"],
    ):
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return instance


@pytest.fixture(scope="session")
def shared_server(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For tests that neither kill it nor mind what others did to its data."""
    folder = tmp_path_factory.mktemp("shared") / "instance"
    server = Server(shutil.copytree(prepared, folder)).start()
    yield server
    server.kill()


@pytest.fixture
def server(prepared: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, to kill."""
    server = Server(shutil.copytree(prepared, tmp_path / "instance")).start()
    yield server
    server.kill()


@pytest.fixture
def start_browser(
    playwright: Playwright, tmp_path: Path
) -> Iterator[Callable[..., BrowserContext]]:
    """Start a browser on a profile that stays; starting it again is a cold start."""
    running: dict[str, BrowserContext] = {}

    def start(profile: str = "tablet", **more: object) -> BrowserContext:
        if profile in running:
            running.pop(profile).close()
        running[profile] = playwright.chromium.launch_persistent_context(
            tmp_path / profile,
            executable_path=chromium(),
            args=ARGUMENTS,
            **{"viewport": TABLET, "locale": "en-GB"} | more,
        )
        return running[profile]

    yield start
    for context in running.values():
        context.close()


@pytest.fixture
def sign_in(shared_server: Server) -> Callable[[Page, str], Page]:
    """Press the demo button of one of the cast."""

    def press(page: Page, name: str, server: Server = shared_server) -> Page:
        page.goto(f"{server.url}/demo")
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_url(lambda url: "/demo" not in url)
        return page

    return press


@pytest.fixture
def authenticator(page: Page) -> str:
    """A platform authenticator that verifies its user, as a phone's own does."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
