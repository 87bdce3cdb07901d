"""`python -m scripts.callback_lab contracts/callbacks/My.sol`, as `paddock callback-lab` runs it."""

import argparse
import json
import sys

from scripts.callback_lab.errors import LabError
from scripts.callback_lab.lab import examine
from scripts.callback_lab.opening import Given
from scripts.callback_lab.subject import parse_given
from scripts.children import StartFailed
from scripts.compile import CompileError
from scripts.rpc import RpcError
from scripts.solc import CompilerMissing
from scripts.solc.foundry import ToolMissing
from server.kit_commands import lab_options


def main(arguments: list[str] | None = None) -> int:
    """0 when every check passed, 1 when one failed, 2 when the lab could not be run."""
    parser = argparse.ArgumentParser("paddock callback-lab", description="Every attack on a callback contract.")
    lab_options(parser)
    options = parser.parse_args(arguments)
    try:
        given = Given(parse_given(options.constructor), [options.calldata] if options.calldata else [])
        report = examine(options.contract, given, rpc=options.rpc, remappings=options.remapping)
    except (LabError, CompileError, CompilerMissing, ToolMissing, StartFailed, RpcError) as error:
        print(f"callback-lab: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report.document(), indent=1) if options.json else "\n".join(report.lines()))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
