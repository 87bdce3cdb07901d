"""Scale: three servers, two facilitators and three workers in Compose, killed under load and held to account."""
