"""`python -m scripts.new callback Name`, `… service name` and `… mode NAME`, as `paddock new` runs them."""

import argparse
import sys

from scripts.new.callback import new_callback
from scripts.new.mode import new_mode
from scripts.new.service import new_service
from scripts.new.writing import NewError
from scripts.solc import ROOT
from server.kit_commands import new_options

KINDS = {
    "callback": (new_callback, "paddock callback-lab contracts/callbacks/{name}.sol, then docs/guides/callback.md"),
    "mode": (new_mode, 'name it in a service, mode="{name}", then CONTRIBUTING.md, "Add a payment mode"'),
    "service": (
        new_service,
        "make up (make down first, if it is up), look at its page /services/{name}, then docs/guides/provider.md",
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """0 when it was written; 2 when nothing was, with the reason."""
    parser = argparse.ArgumentParser("paddock new", description=__doc__)
    new_options(parser)
    options = parser.parse_args(arguments)
    write, what_next = KINDS[options.kind]
    try:
        written = write(options.name)
    except NewError as error:
        print(f"new: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(f"wrote  {path.relative_to(ROOT)}")
    print(f"next   {what_next.format(name=options.name)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
