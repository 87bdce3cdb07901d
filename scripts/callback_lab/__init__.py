"""The callback lab: every attack on one callback contract, on a devnet, with a verdict for each."""
