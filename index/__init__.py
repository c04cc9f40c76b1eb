"""Manuals in, passages out: readers, sections, passages, store, lexical and dense search, fusion.

Knows nothing of language models, Qt or any product. The way of the data, going only forward:
file -> `Document` (readers) -> `Section` -> `Passage` (store) -> `Hit` (lexical, dense, fusion).
"""
