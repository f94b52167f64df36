"""What is offered for the lines of the plans nobody tuned to, as JSON, for who judges them.

`python -m bench.suggestions` from the project's folder.
"""

import json
import sys

import phrases
import suggesting
from bench.judgements import papers
from plan import use_of

TOP = 8


def offered(text: str, lang: str, kind: str) -> dict:
    """Near the whole line first, then near each clause of it."""
    stretches = [text, *(text[start:end] for start, end in suggesting.clauses(text))]
    found = [name for one in stretches for name in suggesting.suggest(one, lang, use_of(kind), TOP)]
    known = phrases.catalogue()
    return {"line": text, "offered": {name: known[name].texts[lang] for name in found}}


def main() -> None:
    told: dict[str, dict] = {}
    for paper, kind, texts, _verdicts in papers():
        rows = [offered(text, paper["lang"], kind) for text in texts]
        told.setdefault(paper["id"], {})[kind] = rows
    json.dump(told, sys.stdout, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    main()
