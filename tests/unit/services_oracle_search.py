"""BM25 in plain Python, as SQLite documents its own, over sections written down by hand."""

import math
import re

K1, B = 1.2, 0.75
HEADING_WEIGHT = 4


def tokens(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def ranking(contents, words):
    """(path, heading) with its score, best first, of sections with a token that begins with every word.

    sqlite.org/fts5.html, "The bm25() function": a negative inverse document frequency counts as a millionth, and a
    hit in a column counts as often as the column weighs; lengths are those of all columns that are indexed.
    """
    lengths = [len(tokens(heading)) + len(tokens(text)) for _, heading, text in contents]
    mean = sum(lengths) / len(lengths)
    scores = [0.0] * len(contents)
    holds = [True] * len(contents)
    for word in words:
        counts = [
            [sum(t.startswith(word) if len(word) > 2 else t == word for t in tokens(part)) for part in (row[1], row[2])]
            for row in contents
        ]
        having = sum(any(pair) for pair in counts)
        idf = max(math.log((len(contents) - having + 0.5) / (having + 0.5)), 1e-6)
        for index, (in_heading, in_text) in enumerate(counts):
            frequency = HEADING_WEIGHT * in_heading + in_text
            holds[index] = holds[index] and frequency > 0
            scores[index] += idf * frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * lengths[index] / mean))
    found = [(scores[i], contents[i][0], contents[i][1]) for i in range(len(contents)) if holds[i]]
    return sorted(found, key=lambda item: -item[0])
