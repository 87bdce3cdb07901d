"""Everything that proves Paddock: unit, conformance, integration, end to end, contracts, and what they stand on."""
