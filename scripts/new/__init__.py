"""`paddock new`: what a fork begins with, written so that it passes every check as it stands."""
