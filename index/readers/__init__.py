"""One reader a file format: the bytes of a file come in, a `Document` of sections and blocks goes out.

Readers know their format and nothing of libraries, folders or processes; `index.reading` picks the one for a file.
"""
