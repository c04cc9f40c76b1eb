"""Whether a tuned model is still an assistant: everyday messages, each with words of which an answer must have one.

    python -m benchmarks.still_assistant BASE TUNED [MORE...]

Comes in: models (GGUF files or names); the messages are benchmarks/questions/chat.jsonl, 22 in English and 21 in
Japanese, none of which is trained on. Goes out: by language how many answers have what they must, how many end by
themselves, and how many are written as a turn of the app's loop ("Action:"), which belongs to questions asked through
it alone.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path

from agent.engine import Engine
from agent.models import resolve_model

MESSAGES = Path(__file__).parent / "questions" / "chat.jsonl"
MOST = 80  # tokens of an answer


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer."""

    lang: str
    said: str
    text: str
    fits: bool
    ended: bool

    @property
    def as_turn(self) -> bool:
        """Whether it is written as a turn of the loop."""
        return "Action:" in self.text


def answered(model: str) -> list[Answered]:
    """What a model says to every message, greedily."""
    rows = [json.loads(line) for line in MESSAGES.read_text(encoding="utf-8").splitlines()]
    found = []
    with Engine(resolve_model(model)) as engine:
        for row in rows:
            done = engine.generate(engine.chat([("user", row["say"])]), max_tokens=MOST)
            fits = any(re.search(word, done.text, re.IGNORECASE) for word in row["any"])
            found.append(Answered(row["lang"], row["say"], done.text.strip(), fits, done.finish == "end"))
    return found


def main() -> None:
    """Ask every model, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--show", action="store_true", help="the answers themselves")
    args = parser.parse_args()
    print(
        "| Model | language | has what it must | ends by itself | written as a turn |\n| --- | --- | --- | --- | --- |"
    )
    for model in args.models:
        found = answered(model)
        for lang in ("en", "ja"):
            own = [one for one in found if one.lang == lang]
            print(
                f"| {Path(model).stem} | {lang} | {sum(one.fits for one in own)} of {len(own)} | "
                f"{sum(one.ended for one in own)} | {sum(one.as_turn for one in own)} |",
                flush=True,
            )
            if args.show:
                for one in own:
                    print(f"    {'+' if one.fits else '-'} {one.said} -> {one.text[:150]!r}")


if __name__ == "__main__":
    main()
