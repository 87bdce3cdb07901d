"""How well the privacy filter finds what it should: a generated corpus, one that nobody tuned on, scores."""
