"""How soon a plan can be read in Chromium while its server is dead, beside the anchor's page."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import product
from statistics import median

from playwright.sync_api import BrowserContext, Playwright, sync_playwright

from bench.load import Server

ARGUMENTS = [
    *("--disable-background-networking", "--disable-component-update", "--disable-gpu"),
    *("--disable-dev-shm-usage", "--disable-sync", "--no-first-run"),
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]
# DOMContentLoaded and the last largest paint, in ms since the navigation began.
READ = """() => new Promise((done) => setTimeout(() => {
  let painted = 0;
  new PerformanceObserver((list) => { painted = list.getEntries().at(-1).startTime; })
    .observe({ type: 'largest-contentful-paint', buffered: true });
  const [opened] = performance.getEntriesByType('navigation');
  setTimeout(() => done([opened.domContentLoadedEventEnd, painted]), 60);
}, 120))"""
KEEP = "navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready)"
SLOW = (1, 4, 6)  # times slower than this machine: what tablets of a crèche are
BUDGETS = {("worker stopped", 4): ("<= 200", "<= 1.5"), ("cold browser", 4): ("<= 300", "<= 1.5")}


def openings(
    ours: Server, anchor: Server, tablets: Mapping[int, tuple[str, str]], rounds: int
) -> Iterator[tuple]:
    """`tablets`: for a number of held plans, the code to enrol with and the plan to open."""
    plain = f"http://{anchor.host}/kept"
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        profiles = {held: f"{folder}/{held}" for held in tablets}
        for held, (code, _) in tablets.items():
            with start(playwright, profiles[held]) as browser:
                page = browser.pages[0]
                page.goto(plain)
                page.evaluate(KEEP)
                begun = time.perf_counter()
                page.goto(f"http://{ours.host}/enrol#{code}")
                page.wait_for_url("**/nursery", timeout=120_000)
                took = time.perf_counter() - begun
                yield f"{held:3} plans: from the code to the board", took, "s"
                page.wait_for_timeout(2000)  # the rest follows
        for server in (ours, anchor):
            server.kill()
        for held, (_, path) in tablets.items():
            urls = {"plan": f"http://{ours.host}{path}", "anchor": plain}
            yield from compared(held, measured(playwright, profiles[held], urls, rounds))


def measured(playwright: Playwright, profile: str, urls: dict, rounds: int) -> dict[tuple, list]:
    """Turn by turn, so that a busy machine is busy for both."""
    cases = list(product(SLOW, urls))
    runs: dict[tuple, list] = {}
    with start(playwright, profile) as browser:
        for turn, (cpu, name) in product(range(rounds + 1), cases):
            figures = opened(browser, urls[name], cpu, stop=True)
            if turn:  # the first one warms up
                runs.setdefault(("worker stopped", cpu, name), []).append(figures)
    for _, (cpu, name) in product(range(rounds), cases):
        with start(playwright, profile) as browser:
            figures = opened(browser, urls[name], cpu)
        runs.setdefault(("cold browser", cpu, name), []).append(figures)
    return runs


def compared(held: int, runs: dict[tuple, list]) -> Iterator[tuple]:
    for state, cpu in product(("worker stopped", "cold browser"), SLOW):
        painted = median(lcp for _, lcp in runs[state, cpu, "plan"])
        plain = median(lcp for _, lcp in runs[state, cpu, "anchor"])
        most, ratio = BUDGETS.get((state, cpu), ("", ""))
        yield f"{held:3} plans, {state}, CPU x{cpu}: can be read (LCP)", painted, "ms", most
        yield f"{held:3} plans, {state}, CPU x{cpu}: / anchor's page", painted / plain, "x", ratio


def start(playwright: Playwright, profile: str) -> BrowserContext:
    """Starting again on the same profile is a cold start."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    program = next((path for name in names if name and (path := shutil.which(name))), None)
    size = {"width": 1024, "height": 768}
    return playwright.chromium.launch_persistent_context(
        profile, executable_path=program, args=ARGUMENTS, viewport=size, locale="en-GB"
    )


def opened(browser: BrowserContext, url: str, cpu: int, stop: bool = False) -> list[float]:
    page = browser.pages[0]
    page.goto("about:blank")
    tools = browser.new_cdp_session(page)
    if stop:
        tools.send("ServiceWorker.enable")
        tools.send("ServiceWorker.stopAllWorkers")
    page.wait_for_timeout(300)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": cpu})
    answer = page.goto(url)
    assert answer.ok, f"{url}: {answer.status}"
    assert answer.from_service_worker, f"{url} came from elsewhere"
    figures = page.evaluate(READ)
    tools.detach()
    return figures
