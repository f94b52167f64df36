#!/usr/bin/env python3
"""The README's two commands, run and test: install what is missing; standard library only."""

import contextlib
import ctypes.util
import filecmp
import hashlib
import importlib.util
import os
import platform
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a Unix: two installs at once are then not kept apart
    fcntl = None

# The reader may start us with any Python 3, so the lines above must parse on an old one.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("Kannerplang needs Python 3.11 or newer; this is Python " + platform.python_version())

USAGE = """Usage:
  python3 bootstrap.py run           installs what is missing, then serves (PORT, DEMO=0)
  python3 bootstrap.py test [args]   installs what is missing, then checks everything;
                                     with args only pytest, which gets them"""

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / "python"
NODE_MODULES = ROOT / "node_modules"
TRANSLATIONS = ROOT / "translations"
HTMX = ROOT / "static" / "vendor" / "htmx.min.js"

RUN_LOCK, TEST_LOCK = "requirements.lock", "requirements-test.lock"
UV_LOCK, NODE_LOCK = "requirements-uv.lock", "requirements-node.lock"
SHARING = (RUN_LOCK, TEST_LOCK)
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--require-hashes")

CHECKS = {
    "format": ("ruff", "format", "--check", "."),
    "lint": ("ruff", "check", "."),
    "templates": ("djlint", "templates", "--lint", "--quiet"),
}
# More than one needs a database and a port of its own for each worker.
PYTEST_WORKERS = 0
PYTEST_SUMMARY = re.compile(
    r"\b(\d+ (passed|failed|error|skipped|deselected)|no tests ran).* in [\d.]+s"
)
COLOUR = re.compile(r"\x1b\[[\d;]*m")
STARTED = time.monotonic()


class Stop(Exception):
    """A reason to stop, told to the person at the terminal without a trace."""


# --- Telling and calling ---------------------------------------------------------------------


def say(words: str) -> None:
    print(f"[{time.monotonic() - STARTED:6.1f} s] {words}", flush=True)


def call(*command: object, **options: object) -> int:
    return subprocess.run([str(part) for part in command], cwd=ROOT, **options).returncode


def answers(*command: object) -> bool:
    """A program that is there may still not run: a stub, or another machine's build."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return call(*command, capture_output=True, timeout=30) == 0
    return False


def quietly(*command: object, **options: object) -> bool:
    """Its output only matters, and is only shown, when it fails."""
    words = [str(part) for part in command]
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        done = subprocess.run(words, cwd=ROOT, errors="replace", **both, **options)
    except OSError as error:
        say(f"cannot start {words[0]}: {error.strerror}")
        return False
    if done.returncode:
        print(done.stdout)
        say(f"exit {done.returncode}: {shlex.join(words)}")
    return done.returncode == 0


# --- Stamps: what is already installed -------------------------------------------------------


def fingerprint(*files: Path) -> str:
    """Packages fit one Python on one kind of machine, and a venv only the folder it was made in."""
    fits = (*sys.version_info[:2], sys.platform, platform.machine(), VENV)
    digest = hashlib.sha256(repr(fits).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_fresh(stamp: Path, mark: str) -> bool:
    return stamp.is_file() and stamp.read_text() == mark


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two installs at once take turns; the system frees the lock when its holder dies."""
    with (ROOT / ".bootstrap.lock").open("w") as lock:
        if fcntl:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another bootstrap.py is installing here: waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- The machine -----------------------------------------------------------------------------


def apt_install(*packages: str) -> bool:
    """False where it cannot be done: no Debian kin, or neither root nor sudo."""
    as_root = [] if os.name != "nt" and os.geteuid() == 0 else ["sudo"]
    if not shutil.which("apt-get") or (as_root and not shutil.which("sudo")):
        return False
    say(f"apt-get install {' '.join(packages)}")
    # An old list is tried too: one broken foreign source must not stop us.
    quietly(*as_root, "apt-get", "update", "-qq")
    options = ("-y", "-qq", "--no-install-recommends")
    unasked = (*as_root, "env", "DEBIAN_FRONTEND=noninteractive")
    return quietly(*unasked, "apt-get", "install", *options, *packages)


def make_venv() -> None:
    stamp, mark = VENV / ".stamp-venv", fingerprint()
    if PYTHON.exists() and is_fresh(stamp, mark):
        return
    # Debian keeps the half of venv that installs pip in a package of its own.
    package = f"python3.{sys.version_info.minor}-venv"
    if not importlib.util.find_spec("ensurepip") and not apt_install(package):
        raise Stop(f"Please install {package} (Python's ensurepip), then start this again.")
    say("making .venv")
    if not quietly(sys.executable, "-m", "venv", "--clear", VENV):
        raise Stop("Python could not make .venv here.")
    stamp.write_text(mark)


# --- Python packages -------------------------------------------------------------------------


def install_python(lock: str, *held: str) -> None:
    """`held` are the locks whose every line stands in this one too: they come with it."""
    stamps = {VENV / f".stamp-{name}": fingerprint(ROOT / name) for name in (lock, *held)}
    stamp, mark = next(iter(stamps.items()))
    if is_fresh(stamp, mark):
        return
    # The run and the test lock of another branch may overwrite each other's packages.
    for name in SHARING if lock in SHARING else (lock,):
        (VENV / f".stamp-{name}").unlink(missing_ok=True)
    say(f"installing {lock}")
    if not (install_with_uv(lock) or install_with_pip(lock)):
        raise Stop(f"The packages of {lock} could not be installed; is there a network?")
    for stamp, mark in stamps.items():
        stamp.write_text(mark)


def install_with_uv(lock: str) -> bool:
    """Ten times quicker than pip; pip takes over on a machine that uv has no build for."""
    uv, stamp, mark = BIN / "uv", VENV / ".stamp-uv", fingerprint(ROOT / UV_LOCK)
    if not is_fresh(stamp, mark):
        if not quietly(PYTHON, *PIP, "--only-binary", ":all:", "-r", UV_LOCK):
            return False
        stamp.write_text(mark)
    return quietly(uv, "pip", "install", "-q", "--python", PYTHON, "--require-hashes", "-r", lock)


def install_with_pip(lock: str) -> bool:
    say("uv could not: trying pip")
    return quietly(PYTHON, *PIP, "--no-deps", "-r", lock)


# --- JavaScript packages ---------------------------------------------------------------------


def install_node_packages(*, dev: bool) -> None:
    """`npm ci` empties node_modules first, so a stamp in there cannot outlive its packages."""
    mark = fingerprint(ROOT / "package-lock.json")
    with_dev, without = NODE_MODULES / ".stamp-test", NODE_MODULES / ".stamp-run"
    enough = [with_dev] if dev else [with_dev, without]
    if not any(is_fresh(stamp, mark) for stamp in enough):
        npm_ci("--include=dev" if dev else "--omit=dev")
        enough[-1].write_text(mark)
    place(NODE_MODULES / "htmx.org" / "dist" / "htmx.min.js", HTMX)


def npm_ci(which: str) -> None:
    # No package's script is run: none of ours needs one.
    command = ("ci", which, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    npm = shutil.which("npm")
    if npm:
        say("npm ci")
        if quietly(npm, *command):
            return
    install_python(NODE_LOCK)
    say("npm ci, with the npm from PyPI")
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    if not quietly(BIN / "npm", *command, env={**os.environ, "PATH": path}):
        raise Stop("npm could not install the packages of package-lock.json.")


def place(source: Path, target: Path) -> None:
    if target.is_file() and filecmp.cmp(source, target, shallow=False):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".half")
    shutil.copyfile(source, half)
    half.replace(target)


# --- Translations ----------------------------------------------------------------------------


def compile_translations() -> bool:
    catalogues = sorted(TRANSLATIONS.glob("*/LC_MESSAGES/*.po"))
    stamp, mark = VENV / ".stamp-translations", fingerprint(*catalogues)
    compiled = all(po.with_suffix(".mo").is_file() for po in catalogues)
    if not catalogues or (compiled and is_fresh(stamp, mark)):
        return True
    say("compiling translations")
    babel = (PYTHON, "-m", "babel.messages.frontend")
    if not quietly(*babel, "compile", "--directory", TRANSLATIONS):
        return False
    stamp.write_text(mark)
    return True


# --- What the tests need besides -------------------------------------------------------------


def chromium() -> str | None:
    """Ubuntu's `chromium` may be a stub that only says it is not there."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    for name in (os.environ.get("CHROMIUM") or "", *names):
        program = shutil.which(name)
        if program and answers(program, "--version"):
            return program
    return None


def chromium_of_playwright(*, fetch: bool) -> str | None:
    playwright = (PYTHON, "-m", "playwright", "install")
    if fetch:
        say("fetching Playwright's own Chromium")
        quietly(*playwright, "--with-deps", "chromium") or quietly(*playwright, "chromium")
    ask = "from playwright.sync_api import sync_playwright as start\n"
    ask += "with start() as playwright: print(playwright.chromium.executable_path)"
    done = subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True)
    program = done.stdout.strip()
    return program if program and answers(program, "--version") else None


def lacks_libatomic() -> bool:
    """The Node inside Playwright links it, and a bare Debian has none."""
    return sys.platform == "linux" and not ctypes.util.find_library("atomic")


def is_debian() -> bool:
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release().get("ID") == "debian"
    return False


def install_test_programs() -> list[str]:
    """Returns what is missing for good, in words for the person who reads the result."""
    wanted = {
        "libatomic1": lacks_libatomic(),
        "chromium": is_debian() and not chromium(),
        "default-jre-headless": not answers("java", "-version"),
    }
    packages = [name for name, is_missing in wanted.items() if is_missing]
    if packages:
        apt_install(*packages)
    browser = chromium() or chromium_of_playwright(fetch=False)
    browser = browser or chromium_of_playwright(fetch=True)
    if browser:
        os.environ["CHROMIUM"] = browser
    missing = {
        "Chromium: no browser test can run": not browser,
        "Java: the HTML checker cannot run": not answers("java", "-version"),
        "libatomic: Playwright may not start": lacks_libatomic(),
    }
    return [words for words, is_missing in missing.items() if is_missing]


# --- run -------------------------------------------------------------------------------------


def free_port() -> int:
    """The server shares its port without a word, so a second one would go unnoticed."""
    asked = os.environ.get("PORT", "5000")
    if not asked.isdecimal() or not 0 < int(asked) < 65536:
        raise Stop(f"PORT={asked} is no port number.")
    port = int(asked)
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=2):
        raise Stop(
            f"Port {port} is taken. Choose another: PORT={port + 1} python3 bootstrap.py run"
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Stop(f"Port {port} cannot be used: {error.strerror}.") from error
    return port


def what_to_try(port: int) -> str:
    here = f"http://localhost:{port}"
    if os.environ["DEMO"] != "1":
        return f"Kannerplang is at {here} (Ctrl-C ends it)"
    return f"""
  Kannerplang is at {here} (Ctrl-C ends it). To try, in this order:

  {here}/demo      one button for each person of the demo:
    Inês Santos       a mother: her child's plan, its contacts, who sees it
    Sami Ben Youssef  runs the crèche: compares a shared scan, accepts, adds tablets
    The crèche's tablet  makes this browser the tablet; then end this server, close the
                      browser, open {here}/nursery again: the plans are there
  {here}/sign-up   your own account, with a passkey

  All people are invented. DEMO=0 starts without them.
"""


def serve(port: int) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    listen = ("--host", "127.0.0.1", "--port", str(port), "--log-level", "error")
    # One blocking thread each: more only fight for the interpreter, and double the p99.
    size = ("--workers", str(cores or 1), "--blocking-threads", "1")
    # A worker told to stop while it still starts never stops, and Ctrl-C would hang.
    end = ("--workers-kill-timeout", "2")
    granian = ("-m", "granian", "--interface", "wsgi", *listen, *size, *end, "--factory")
    command = [str(PYTHON), *granian, "app:create_app"]
    os.chdir(ROOT)
    if os.name == "nt":  # exec would hand the terminal back at once there
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


def make_ready() -> bool:
    """Keys, then database and demo; each leaves alone what is there already."""
    instance = Path(os.environ.get("APP_INSTANCE", ROOT / "instance"))
    keys = os.environ.get("APP_KEYS", instance / "keys.json")
    # On its own, since the app, which every flask command loads, refuses to start without keys.
    if call(PYTHON, "sealing.py", keys):
        return False
    return call(PYTHON, "-m", "flask", "--app", "app", "setup") == 0


def run() -> None:
    port = free_port()
    os.environ.setdefault("DEMO", "1")
    with alone():
        make_venv()
        install_python(RUN_LOCK)
        install_node_packages(dev=False)
        if not compile_translations():
            raise Stop("The translations do not compile.")
        if not make_ready():
            raise Stop("Keys, database or demo could not be made ready; the reason stands above.")
    say("starting")
    print(what_to_try(port), flush=True)
    serve(port)


# --- test ------------------------------------------------------------------------------------


def timed(step: Callable[[], bool]) -> tuple[bool, float]:
    start = time.monotonic()
    return step(), time.monotonic() - start


def check(name: str) -> Callable[[], bool]:
    program, *arguments = CHECKS[name]
    return lambda: call(PYTHON, "-m", program, *arguments) == 0


def pytest_command(arguments: list[str]) -> list[str]:
    workers = ["-n", str(PYTEST_WORKERS)] if PYTEST_WORKERS and not arguments else []
    return [str(PYTHON), "-m", "pytest", *workers, *arguments]


def pytest_to_the_end(closing: list[str], skipped: list[str]) -> bool:
    """Shows the run, but keeps its summary line back, so that it can stand last of all."""
    command = pytest_command([])
    if sys.stdout.isatty():
        command.append("--color=yes")
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipe = {"stdout": subprocess.PIPE, "text": True, "errors": "replace"}
    with subprocess.Popen(command, cwd=ROOT, env=env, **pipe) as process:
        for line in process.stdout:
            plain = COLOUR.sub("", line)
            if PYTEST_SUMMARY.search(plain):
                closing.append(line.rstrip())
                continue
            if plain.startswith("SKIPPED ["):
                skipped.append(plain.strip())
            print(line, end="", flush=True)
    return process.returncode == 0


def everything(missing: list[str], *, translated: bool) -> bool:
    closing, skipped = [], list(missing)
    steps = {name: check(name) for name in CHECKS}
    steps["translations"] = lambda: translated
    steps["pytest"] = lambda: pytest_to_the_end(closing, skipped)
    results = {}
    for name, step in steps.items():
        say(name)
        results[name] = timed(step)
    if not closing:
        skipped.append("pytest stopped before its tests")
    print()
    for name, (passed, seconds) in results.items():
        print(f"  {'passed' if passed else 'FAILED'}  {name:<14}{seconds:7.1f} s")
    tell_skipped(skipped)
    print(*closing, sep="\n", flush=True)
    return all(passed for passed, _ in results.values())


def tell_skipped(skipped: list[str]) -> None:
    if not skipped:
        print("  Nothing was skipped.")
        return
    print(f"\n  !!! SKIPPED, so not tested ({len(skipped)}):")
    for words in skipped:
        print(f"  !!! {words}")


def test(arguments: list[str]) -> None:
    with alone():
        make_venv()
        install_python(TEST_LOCK, RUN_LOCK)
        install_node_packages(dev=True)
        missing = install_test_programs()
        translated = compile_translations()
    if not arguments:
        sys.exit(0 if everything(missing, translated=translated) else 1)
    # Straight to the terminal: --pdb and a single test's colours work.
    tell_skipped(missing)
    sys.exit(call(*pytest_command(arguments)) or not translated)


def main(arguments: list[str]) -> None:
    commands = {"run": lambda rest: run(), "test": test}
    if not arguments or arguments[0] not in commands or (arguments[0] == "run" and arguments[1:]):
        sys.exit(USAGE)
    try:
        commands[arguments[0]](arguments[1:])
    except Stop as reason:
        sys.exit(f"\n{reason}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. The same command takes up where this one ended.")


if __name__ == "__main__":
    main(sys.argv[1:])
