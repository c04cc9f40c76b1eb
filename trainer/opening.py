"""What a run rests on, opened: its library as it is searched in use, and the tokens of its base.

Comes in: a run. Goes out: a library with glossaries, and a function that counts tokens as the engine does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from index.glossary import load_glossary, merged
from index.library import Library
from trainer.base_files import base_path
from trainer.manifest import text_hash
from trainer.run_config import Run


def opened_library(run: Run) -> Library:
    """The run's library with its glossaries; whoever asks closes it. Raises LibraryMissing, PackInvalid."""
    return Library.open(run.library, glossary=merged(map(load_glossary, run.glossaries)))


def library_hash(library: Library) -> str:
    """A hash of every section's text, by which a stage knows that the library is another."""
    return text_hash(
        *(
            section.text
            for manual in library.manuals()
            for source in library.sources(manual.id)
            for section in library.sections(manual.id, source)
        )
    )


@contextmanager
def token_counter(run: Run) -> Iterator[Callable[[str], int]]:
    """Counts tokens as the engine does with the base: llama.cpp's own for a GGUF, the tokenizer's for a Hugging Face
    folder. Raises what starting a model raises."""
    base = base_path(run)
    if base.is_dir():
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(base)
        yield lambda text: len(tokenizer(text)["input_ids"])
        return
    from agent.engine import Engine

    with Engine(base) as engine:
        yield engine.count
