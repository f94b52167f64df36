"""What is offered for the lines of the plans nobody tuned to, as JSON, for who judges them.

`python -m bench.suggestions` from the project's folder.
"""

import json
import sys

import phrases
import suggesting
from bench.load import ROOT
from plan import use_of

TOP = 8


def offered(text: str, lang: str, kind: str) -> dict:
    names = suggesting.suggest(text, lang, use_of(kind), TOP)
    known = phrases.catalogue()
    return {"line": text, "offered": {name: known[name].texts[lang] for name in names}}


def main() -> None:
    told = {}
    for path in sorted((ROOT / "tests/foreign").glob("*.json")):
        if path.name == "judged.json":
            continue
        for paper in json.loads(path.read_text(encoding="utf-8"))["plans"]:
            kinds = ("signs", "steps", "donts")
            told[paper["id"]] = {
                kind: [offered(text, paper["lang"], kind) for text in paper[kind]] for kind in kinds
            }
    json.dump(told, sys.stdout, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    main()
