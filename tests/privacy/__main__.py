"""`make bench-privacy`: the filter's scores by label, and its time for a purchase."""

import sys

from tests.privacy import scoring
from tests.privacy.corpus import corpus

GOALS = {"generated": 0.95, "development": 0.93, "unseen": 0.85, "sealed": 0.85}


def main() -> None:
    """Print the tables of all corpora, or of those that are named; the tests hold the goals."""
    corpora = {
        "generated": corpus(),
        "development": scoring.development(),
        "unseen": scoring.unseen(),
        "sealed": scoring.sealed(),
    }
    for name in sys.argv[1:] or corpora:
        samples = corpora[name]
        sys.stdout.write(f"\n{name}: {len(samples)} texts, goal F1 ≥ {GOALS[name]:.2f}\n")
        sys.stdout.write(f"{'label':<10}{'spans':>7}{'precision':>11}{'recall':>9}{'F1':>8}{'exact F1':>10}\n")
        for label, spans, *figures in scoring.table(scoring.score(samples)):
            precision, recall, f1, exact = figures
            sys.stdout.write(f"{label:<10}{spans:>7}{precision:>11.3f}{recall:>9.3f}{f1:>8.3f}{exact:>10.3f}\n")
        sys.stdout.write(
            f"p99 of a purchase's four texts: {scoring.slowest(samples):.2f} ms of processor time (goal < 5)\n"
        )


if __name__ == "__main__":
    main()
