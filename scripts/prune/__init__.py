"""`paddock prune`: a fork that sells only what is kept, with the tests that are about it and all of the others."""
