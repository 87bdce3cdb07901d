"""The filter's words, as they stand in vocabulary.toml."""

import tomllib
from functools import lru_cache
from pathlib import Path


def vocabulary(section: str) -> dict[str, frozenset[str]]:
    """The sets of words of a section, by their names."""
    return {name: frozenset(words.split()) for name, words in _file()[section].items()}


@lru_cache(maxsize=1)
def _file() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
