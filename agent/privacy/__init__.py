"""The privacy filter: personal data and secrets in what is about to leave the agent, found and taken out.

Reading order: findings → folding, spelled, encoded (what a text means) → shapes, numbers, keys, streets (what is
personal in it by its form) → names, lexicon, meaning, wording → evidence, context, bearers → people, eastern (who is
named in it) → fields, pieces → scanning. agent/disclosure.py says what becomes of a request.
"""

from agent.privacy.findings import Finding, Label
from agent.privacy.scanning import redact, replaced, scan

__all__ = ["Finding", "Label", "redact", "replaced", "scan"]
