"""`paddock callback-lab`, `paddock new`, `paddock prune`: a developer's commands, which need the whole checkout."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from server.domain.errors import ConfigurationError

CHECKOUT = Path(__file__).resolve().parents[1]
NEEDED = ("contracts/X402Callback.sol", "scripts/callback_lab/__main__.py")


def lab_options(parser: argparse.ArgumentParser) -> None:
    """What `callback-lab` may be told; `python -m scripts.callback_lab` reads the same."""
    parser.add_argument("contract", help="the file, as contracts/callbacks/My.sol, or My.sol:Name if it has several")
    parser.add_argument("--constructor", action="append", default=[], metavar="NAME=VALUE", help="or a JSON object")
    parser.add_argument("--calldata", metavar="CALL", help="the action that a payer chooses, as 'mintTo(address)'")
    parser.add_argument("--remapping", action="append", default=[], metavar="PREFIX=TARGET", help="of imports, as solc")
    parser.add_argument("--rpc", metavar="URL", help="an anvil that runs, instead of a fresh one")
    parser.add_argument("--json", action="store_true", help="the report as JSON")


def new_options(parser: argparse.ArgumentParser) -> None:
    """What `new` may be told; `python -m scripts.new` reads the same."""
    parser.add_argument("kind", choices=("callback", "mode", "service"))
    parser.add_argument("name", help="of the contract, as TipJar; of the mode, as TIP; of the service, as word-count")


def prune_options(parser: argparse.ArgumentParser) -> None:
    """What `prune` may be told; `python -m scripts.prune` reads the same."""
    parser.add_argument("--keep", action="append", required=True, metavar="SLUG", help="a service that stays on sale")
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and change nothing")


def callback_lab(_arguments: argparse.Namespace) -> int:
    """Attack a callback contract on a devnet: 0 if all is warded off, 1 if not, 2 if it cannot be run."""
    return _run("scripts.callback_lab")


def new(_arguments: argparse.Namespace) -> int:
    """Write a callback contract, a payment mode or a service that passes as it stands, with its test, and list it."""
    return _run("scripts.new")


def prune(_arguments: argparse.Namespace) -> int:
    """Take out of the checkout every service but those to keep, with the tests that are about them."""
    return _run("scripts.prune")


def _run(module: str) -> int:
    """A developer's program of the checkout, with the rest of our own command line."""
    if missing := [path for path in NEEDED if not (CHECKOUT / path).is_file()]:
        raise ConfigurationError(
            f"{missing[0]} is not here: this command works in a checkout of the repository, installed by `make setup`"
        )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
    }
    return subprocess.run([sys.executable, "-m", module, *sys.argv[2:]], env=environment, check=False).returncode


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the commands."""
    lab = commands.add_parser("callback-lab", help=callback_lab.__doc__, description=callback_lab.__doc__)
    lab.set_defaults(does=callback_lab)
    lab_options(lab)
    made = commands.add_parser("new", help=new.__doc__, description=new.__doc__)
    made.set_defaults(does=new)
    new_options(made)
    cut = commands.add_parser("prune", help=prune.__doc__, description=prune.__doc__)
    cut.set_defaults(does=prune)
    prune_options(cut)
