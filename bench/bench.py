"""The figures that have a budget, as ratios in one run: `python3 bench/bench.py [--only ...]`.

Trust the ratios and the CPU time per request; a figure alone says as much about the machine. Needs
what `python3 bootstrap.py test` installs.
"""

import argparse
import operator
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
# `offline` kills the servers; `statements` leaves rows that they would have to render.
PARTS = ("bytes", "pages", "sync", "offline", "statements", "desk", "phrases")
KEPT = {"<=": operator.le, ">=": operator.ge}


def main() -> None:
    if not __package__:
        sys.exit(subprocess.call([PYTHON, "-m", "bench.bench", *sys.argv[1:]], cwd=ROOT))
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    ask.add_argument("--rounds", type=int, default=5, help="of every contestant, interleaved")
    said = ask.parse_args()
    chosen = [name for name in PARTS if name in said.only.split(",")]

    from bench import parts  # noqa: PLC0415  needs the packages of .venv

    with tempfile.TemporaryDirectory() as folder, parts.House(Path(folder)) as house:
        for name in chosen:
            print(f"\n{name:57} {'measured':>11}  {'budget':7}       load")
            for row in parts.PARTS[name](house, said.rounds):
                show(*row)


def show(what: str, value: float, unit: str = "", budget: str = "") -> None:
    sign, limit = budget.split() if budget else ("", 0)
    verdict = ("ok" if KEPT[sign](value, float(limit)) else "OVER") if budget else ""
    measured = f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"
    load = os.getloadavg()[0]
    print(f"  {what:53} {measured:>7} {unit:5}  {budget:7} {verdict:4} {load:5.1f}", flush=True)


if __name__ == "__main__":
    main()
