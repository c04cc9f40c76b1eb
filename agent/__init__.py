"""Question in, cited answer out: prompt format, llama.cpp engine, search loop, context-answer extractor, exams.

Knows the library (`index`), but neither Qt nor any product. The way of the data, going only forward:
question -> `Hit` (index) -> `Evidence` (extractor) -> `Answer` (loop, gate, phrasing).
"""
