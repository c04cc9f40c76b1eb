"""The study: every variant sits every pack's exam questions in every mode, and a report says what came of it.

Comes in: variants (a base, adapters), domain packs. Goes out: `study/sittings/`, question by question and gone on with
after a kill, and the report with its chart beside it. A further product is a further pack, a further method a further
variant: neither needs code. Only the `exam` split is asked, which no stage trains on.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from agent import exam, option_support
from agent.bank import load_bank
from agent.engine import Engine
from agent.errors import AdapterUnusable
from agent.merging import ADAPTER, read_adapter
from agent.models import PROMPT_FORMAT_KEY
from agent.prompts import FORMAT
from agent.records import Question
from index.errors import TebikiError
from index.glossary import load_glossary
from index.importing import import_manuals
from index.library import Library
from index.packs import Pack, load_pack
from index.records import Language
from trainer.base_files import model_path, weights_of
from trainer.cluster import mapped
from trainer.manifest import file_hash, text_hash, write_manifest
from trainer.merge import format_of, merge_into
from trainer.opening import library_hash
from trainer.run_config import Run, Variant
from trainer.sittings import Sat, sit
from trainer.study_report import About, Sheet, by_hand, chosen_by_language, report

LANGUAGES: tuple[Language, ...] = ("en", "ja")


class NothingToCompare(TebikiError):
    """The run's file names no variants or no packs with exam questions; says what to add."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One variant at one bank: what is sat in one go, all modes."""

    variant: Variant
    model: Path
    pack: Path
    lang: Language


def make_study(run: Run, say: Callable[[str], None], *, ray: str = "") -> tuple[Sheet, ...] | None:
    """Sit what has not been sat, and write the report; `ray` is a cluster's address, over which seats are shared out
    (the nodes have the same files at the same paths). Raises NothingToCompare, AdapterUnusable, PackInvalid,
    BankInvalid, ModelUnreadable, EngineStopped, ClusterMissing."""
    _check(run)
    packs = {path: load_pack(path) for path in run.study.packs}
    _check_banks(run, packs.values())
    places = [
        (path, lang, able)
        for path, pack in packs.items()
        for lang in LANGUAGES
        if _questions(run, pack, lang) and (able := _who_sits(run, f"{pack.id}-{lang}", lang))
    ]
    if not places:
        raise NothingToCompare(
            "No variant of study.variants sits a bank of study.packs: correct their languages and banks, or name packs "
            "whose banks have exam questions."
        )
    # What is missing is named before the first question, not after hours
    models = {variant.name: _model(run, variant, say) for variant in run.study.variants}
    for path, lang, _ in places:
        _library(run, packs[path], lang, say)
    seats = [Seat(variant, models[variant.name], path, lang) for path, lang, able in places for variant in able]
    sheets: list[Sheet] = []
    for done in mapped(_Sitting(run, say if not ray else _quiet), seats, ray):
        sheets += done
    _write(run, seats, sheets, say)
    return tuple(sheets)


def _check(run: Run) -> None:
    names = {one.name for one in run.study.variants}
    strangers = {one.beside for one in run.study.variants if one.beside} - names
    if not run.study.variants or not run.study.packs or strangers:
        what = f"study.variants names no {min(strangers)}" if strangers else "study.variants or study.packs is empty"
        raise NothingToCompare(f"{what} in the run's file: name what is to be compared.")
    if len(names) < len(run.study.variants):
        raise NothingToCompare("Two of study.variants have the same name in the run's file: give each its own.")


def _who_sits(run: Run, bank: str, lang: Language) -> list[Variant]:
    return [one for one in run.study.variants if lang in one.languages and bank in (one.banks or (bank,))]


def _check_banks(run: Run, packs: Iterable[Pack]) -> None:
    known = {f"{pack.id}-{lang}" for pack in packs for lang in LANGUAGES}
    named = {bank for variant in run.study.variants for bank in variant.banks}
    named |= {*run.study.libraries, *run.study.aims}
    if named - known:
        raise NothingToCompare(
            f'"{min(named - known)}" in study.variants, study.libraries or study.aims is no bank of study.packs: '
            f"name one of {', '.join(sorted(known))}."
        )


def _quiet(text: str) -> None:
    """Said on another machine, where nobody reads it."""


def _model(run: Run, variant: Variant, say: Callable[[str], None]) -> Path:
    """The variant as a GGUF in 8 bits: base and variants alike, so that the adapter alone makes the difference."""
    base = _base(run, variant)
    adapter = None
    if variant.adapter is not None:
        if not (variant.adapter / ADAPTER).is_file():
            raise AdapterUnusable(f"There is no adapter in {variant.adapter} (study.variants, {variant.name}).")
        adapter = read_adapter(variant.adapter)
    trained_on = format_of(variant.adapter) if variant.adapter else FORMAT
    made_of = text_hash(
        file_hash(weights_of(base)), file_hash(variant.adapter / ADAPTER) if variant.adapter else "", trained_on
    )
    path = run.out / "study" / "models" / f"{made_of[:16]}.gguf"
    if not path.is_file():
        say(f"study: making {variant.name}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        merge_into(path, base, adapter, "q8_0", {PROMPT_FORMAT_KEY: trained_on} if _tuned(variant) else {})
    return path


def _base(run: Run, variant: Variant) -> Path:
    """Where a variant's base lies: a Hugging Face folder, or a GGUF file."""
    return model_path(variant.base or run.base)


def _tuned(variant: Variant) -> bool:
    return variant.tuned and variant.adapter is not None


class _Sitting:
    """A seat's sheets, one a mode. It is pickled where a cluster does the work, so it holds nothing open."""

    def __init__(self, run: Run, say: Callable[[str], None]) -> None:
        self._run, self._say = run, say

    def __call__(self, seat: Seat) -> list[Sheet]:
        run, variant, pack = self._run, seat.variant, load_pack(seat.pack)
        questions = _questions(run, pack, seat.lang)
        glossary = load_glossary(pack.glossary) if pack.glossary else None
        bank, sheets = f"{pack.id}-{seat.lang}", []
        with Library.open(_library(run, pack, seat.lang, self._say), glossary=glossary) as library:
            key = {
                "model": file_hash(seat.model),
                "library": library_hash(library),
                "questions": _hash(questions),
                "rule": _rule(pack, tuned=_tuned(variant)),
            }
            with Engine(seat.model) as engine:
                for mode in run.study.modes:
                    path = run.out / "study" / "sittings" / bank / variant.name / f"{mode}.jsonl"
                    self._say(f"study: {variant.name}, {pack.id} {seat.lang}, {mode}.")
                    sat = sit(path, key, questions, engine, library, mode, self._say, tuned=_tuned(variant))
                    sheets.append(Sheet(variant.name, bank, seat.lang, mode, tuple(sat), key["library"]))
        return sheets


def _rule(pack: Pack, *, tuned: bool) -> str:
    """What decides beside model, library and questions: the format, the glossary, and how options are weighed."""
    own = (exam.JUDGEMENT, exam.WORDS, exam.UNSURE) if tuned else (exam.READ, exam.CHANNEL, exam.CLOSE)
    constants = (exam.TOP, exam.JUDGED, *own, option_support.WEIGHTS)
    return text_hash(FORMAT, file_hash(pack.glossary) if pack.glossary else "", str(constants))


def _questions(run: Run, pack: Pack, lang: Language) -> list[Question]:
    found = [one for bank in pack.banks for one in load_bank(bank) if one.split == "exam" and one.lang == lang]
    most = run.study.most_questions
    return random.Random(run.seed).sample(found, most) if 0 < most < len(found) else found


def _hash(questions: Sequence[Question]) -> str:
    return text_hash(*(str(sorted(asdict(one).items())) for one in questions))


def _library(run: Run, pack: Pack, lang: Language, say: Callable[[str], None]) -> Path:
    """The library of a pack's language: the one that is named, or one made of its primer."""
    named = run.study.libraries.get(f"{pack.id}-{lang}")
    if named is not None:
        return named
    primers = [one for one in pack.primers if one.name == lang]
    if not primers:
        raise NothingToCompare(
            f"The pack {pack.id} has no primer in {lang}: import its manuals and name the library in "
            f'study.libraries ("{pack.id}-{lang}").'
        )
    pages = sorted(page for page in primers[0].rglob("*") if page.is_file())
    texts = text_hash(*(f"{page.relative_to(primers[0])} {file_hash(page)}" for page in pages))
    path = run.out / "study" / "libraries" / f"{pack.id}-{lang}-{texts[:8]}"
    if not path.is_dir():
        say(f"study: importing {primers[0]}.")
        # Under another name until it is whole: an import that was killed is begun anew
        begun = path.with_name(f"{path.name}.part")
        shutil.rmtree(begun, ignore_errors=True)
        import_manuals(
            begun, primers, progress=lambda _: None, cancelled=lambda: False, wait_embeddings=True,
            recognisers=pack.recognisers,
        )  # fmt: skip
        begun.replace(path)
    return path


def _about(run: Run, seats: Sequence[Seat]) -> list[About]:
    """What each variant is made of."""
    models = {seat.variant.name: seat.model for seat in seats}
    made = []
    for one in run.study.variants:
        if one.name in models:
            base = _base(run, one)
            adapter = one.adapter / ADAPTER if one.adapter else None
            made.append(About(
                variant=one, base=base.name, base_hash=file_hash(weights_of(base)),
                adapter="/".join(adapter.parent.parts[-3:]) if adapter else "",
                adapter_hash=file_hash(adapter) if adapter else "", megabytes=models[one.name].stat().st_size / 1e6,
            ))  # fmt: skip
    return made


def _write(run: Run, seats: Sequence[Seat], sheets: Sequence[Sheet], say: Callable[[str], None]) -> None:
    from trainer.study_chart import draw

    path = run.study.report
    before = by_hand(path.read_text(encoding="utf-8")) if path.is_file() else ""
    chart = path.with_suffix(".svg")
    first = load_pack(run.study.packs[0]).id
    chosen = chosen_by_language(run.study.variants, sheets, lambda lang: f"{first}-{lang}")
    text = report(
        _about(run, seats), sheets, run=run.name, seed=run.seed, chart=chart.name,
        kept=before, chosen=chosen, aims=run.study.aims,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(sheets, chart)
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
    inputs = {"variants": [one.model_dump(mode="json") for one in run.study.variants], "seed": run.seed}
    figures = {f"{one.bank} {one.variant} {one.mode}": one.accuracy for one in sheets}
    write_manifest(run.out / "study", "study", inputs, figures)
    for sheet in sheets:
        say(f"study: {sheet.bank}, {sheet.variant}, {sheet.mode}: {sheet.correct:.0f} of {len(sheet.sat)}.")
    say(f"study: the report is {path}.")


__all__ = ["NothingToCompare", "Sat", "make_study"]
