"""The seller's side: a resource server, a facilitator and workers over one payment core."""
