"""Stand-ins for the world outside: each implements a port and passes that port's conformance suite."""
