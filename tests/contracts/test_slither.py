"""Every finding of slither in our contracts is explained, and every explanation still has its finding."""

import pytest

from scripts.proof import slither


@pytest.mark.timeout(900)
def test_every_finding_is_explained(capsys):
    status = slither.main()
    said = capsys.readouterr()
    assert status == 0, said.out + said.err
    assert "every one explained" in said.out


def test_a_finding_without_an_explanation_is_named(monkeypatch, capsys):
    found = slither.Finding("reentrancy-eth", "Vault.withdraw", "sends before it writes")
    monkeypatch.setattr(slither, "analyse", lambda: [found])
    monkeypatch.setattr(slither, "triage", lambda: [slither.Explained("timestamp", (), "a deadline")])
    assert slither.main() == 1
    said = capsys.readouterr().out
    assert "unexplained: reentrancy-eth at Vault.withdraw: sends before it writes" in said
    assert "explained, but not found any more: timestamp at anywhere" in said
