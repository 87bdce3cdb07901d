"""One suite for each port, run against its fake and its real adapters."""
