"""Real services for tests: started on free ports, checked to be ours, and ended by id."""
