"""Clean tables, malformed one way at a time, and how well each kind of malformation is read.

`python -m tests.reading_corpus` reads all of it and writes the scores into docs/reading.md.
"""
