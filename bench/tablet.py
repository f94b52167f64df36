"""How soon a plan can be read in Chromium while its server is dead, beside the anchor's page."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
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
BUDGETS = {("worker stopped", 4): ("<= 200", "<= 1.5"), ("cold browser", 4): ("<= 300", "")}


def openings(ours: Server, anchor: Server, plan: str, rounds: int) -> Iterator[tuple]:
    urls = {"plan": f"http://{ours.host}{plan}", "anchor": f"http://{anchor.host}/kept"}
    cases = list(product((1, 4), urls))
    runs: dict[tuple, list] = {}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        with start(playwright, profile) as browser:
            page = browser.pages[0]
            page.goto(urls["anchor"])
            page.evaluate(KEEP)
            page.goto(f"http://{ours.host}/demo")
            begun = time.perf_counter()
            page.locator("form[action='/demo/tablet'] button").click()
            page.wait_for_url("**/nursery")
            yield (
                "tablet in Chromium: from its button to the board",
                time.perf_counter() - begun,
                "s",
            )
            page.wait_for_timeout(2000)  # the scans follow
        for server in (ours, anchor):
            server.kill()

        with start(playwright, profile) as browser:
            for turn, (cpu, name) in product(range(rounds + 1), cases):
                figures = opened(browser, urls[name], cpu, stop=True)
                if turn:  # the first one warms up
                    runs.setdefault(("worker stopped", cpu, name), []).append(figures)
        for _, (cpu, name) in product(range(rounds), cases):
            with start(playwright, profile) as browser:
                figures = opened(browser, urls[name], cpu)
            runs.setdefault(("cold browser", cpu, name), []).append(figures)
    for state, cpu in product(("worker stopped", "cold browser"), (1, 4)):
        loaded, painted = (median(some) for some in zip(*runs[state, cpu, "plan"], strict=True))
        plain = median(lcp for _, lcp in runs[state, cpu, "anchor"])
        most, ratio = BUDGETS.get((state, cpu), ("", ""))
        yield f"{state}, CPU x{cpu}: the plan can be read (LCP)", painted, "ms", most
        yield f"{state}, CPU x{cpu}: the same / anchor's page", painted / plain, "x", ratio
        yield f"{state}, CPU x{cpu}: anchor's page (LCP)", plain, "ms"
        yield f"{state}, CPU x{cpu}: DOMContentLoaded of the plan", loaded, "ms"


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
