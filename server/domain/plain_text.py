"""Words that strangers wrote, on their way to people, logs and databases."""


def one_line(text: str, most: int) -> str:
    """One printable line of at most `most` characters: no NUL (PostgreSQL refuses it), nothing a terminal obeys."""
    plain = " ".join("".join(one if one.isprintable() else " " for one in text[: 4 * most]).split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"
