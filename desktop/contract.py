"""The JSON that other programs read: records in, the documented objects out. Fields are added here, never renamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.records import Answer, Citation, ExamResult
from index.records import Hit, ImportReport, Manual

if TYPE_CHECKING:
    from index.library_pack import PackContents, PackReport

Json = dict[str, Any]


def import_json(report: ImportReport) -> Json:
    """`tebiki import --json`."""
    return {
        "manuals": report.manuals,
        "sections": report.sections,
        "passages": report.passages,
        "unchanged": report.unchanged,
        "seconds": round(report.seconds, 3),
        "embedded": report.embedded,
        "skipped": [{"path": one.path, "reason": one.reason} for one in report.skipped],
        "cancelled": report.cancelled,
        "job": report.job,
        "reason": report.reason,
    }


def manual_json(manual: Manual) -> Json:
    """One manual of `tebiki library list --json`; `id` is what `library remove` takes."""
    return {**asdict(manual), "id": str(manual.id)}


def pack_json(contents: PackContents) -> Json:
    """`tebiki library export --json`."""
    return {
        "name": contents.name,
        "made_at": contents.made_at,
        "manuals": [asdict(manual) for manual in contents.manuals],
        "passages": contents.passages,
        "bytes": contents.bytes,
        "signer": contents.signer.fingerprint,
    }


def pack_report_json(report: PackReport) -> Json:
    """`tebiki library import --json`."""
    return asdict(report)


def hit_json(hit: Hit) -> Json:
    """One hit of `tebiki search --json`."""
    passage = hit.passage
    return {
        "passage": str(passage.id),
        "manual": passage.manual,
        "source": passage.source,
        "heading": list(passage.heading),
        "page": passage.page,
        "text": passage.text,
        "score": round(hit.score, 6),
    }


def citation_json(citation: Citation) -> Json:
    """A citation; `start` and `end` count characters in the source text (see `tebiki library text`), and `context` is
    the table header or the term beside the quote."""
    return {
        "manual": citation.manual,
        "source": citation.source,
        "heading": list(citation.heading),
        "page": citation.page,
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
        "context": citation.context,
    }


def citations_json(citations: Sequence[Citation]) -> list[Json]:
    return [citation_json(citation) for citation in citations]


def answer_json(answer: Answer) -> Json:
    """`tebiki ask --json`."""
    return {
        "answer": answer.text,
        "abstained": answer.abstained,
        "language": answer.language,
        "citations": citations_json(answer.citations),
        "steps": [asdict(step) for step in answer.steps],
        "nearest": [hit_json(hit) for hit in answer.nearest],
        "seconds": {name: round(value, 3) for name, value in asdict(answer.seconds).items()},
        "tokens": asdict(answer.tokens),
        "model": answer.model,
        "phrased": answer.phrased,
        "suggestion": answer.suggestion,
        "unsupported": [
            {"text": answer.text[one.start : one.end], "start": one.start, "end": one.end} for one in answer.unsupported
        ],
        "problem": answer.problem,
    }


def exam_json(result: ExamResult) -> Json:
    """`tebiki exam take --json`."""
    return {
        "n": result.n,
        "correct": result.correct,
        "accuracy": result.accuracy,
        "ci95": list(result.ci95),
        "searches_per_question": result.searches_per_question,
        "seconds": round(result.seconds, 3),
        "by_level": {level: asdict(score) for level, score in result.by_level.items()},
        "items": [
            {
                "id": item.id,
                "chosen": item.chosen,
                "answer": item.answer,
                "right": item.right,
                "searches": item.searches,
                "citations": citations_json(item.citations),
                "seconds": round(item.seconds, 3),
            }
            for item in result.items
        ],
    }
