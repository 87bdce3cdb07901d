"""The link by which the person comes in: printed, and in a file that only its owner can read."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NAME = "console.url"


@dataclass(frozen=True, slots=True)
class Link:
    """Where the console is, and the file in the agent's home that has the link while it works."""

    origin: str
    home: Path
    tell: Callable[[str], None]

    def publish(self, token: str) -> None:
        """Write and print the link. The file is made anew, so that nobody else can have it open."""
        url = f"{self.origin}/enter?token={token}"
        self.withdraw()
        descriptor = os.open(self.home / NAME, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(url + "\n")
        self.tell(url)

    def withdraw(self) -> None:
        """Remove the file, whatever link is in it: of several consoles of a home only the last one's is there."""
        (self.home / NAME).unlink(missing_ok=True)
