"""The command that serves: a signer of its own."""

from argparse import Namespace

import uvicorn

from agent.account import local_signer, sending_for
from agent.clock import SystemClock
from agent.commands import Shell
from agent.errors import SettingsError
from agent.policy import Policy
from agent.signer_service import create_app
from agent.warden import Warden

LEAST_TOKEN = 16


def serve_signer(shell: Shell, args: Namespace) -> int:
    """Hold the key in this process, and sign what this home's policy allows to whoever has the token."""
    settings = shell.settings
    if settings.signer:
        raise SettingsError("PADDOCK_AGENT_SIGNER is set, so this agent has no key to serve", "unset it here")
    if len(settings.signer_token or "") < LEAST_TOKEN:
        hint = "set it to a long random text, here and at the agent"
        raise SettingsError(f"PADDOCK_AGENT_SIGNER_TOKEN has fewer than {LEAST_TOKEN} characters", hint)
    sender = sending_for(settings, local_signer(settings))
    warden = Warden(Policy(settings.load_policy()), shell.store(), sender, SystemClock())
    shell.err.print(f"signing for {warden.address} at http://{args.host}:{args.port}", soft_wrap=True)
    uvicorn.run(create_app(warden, settings.signer_token or ""), host=args.host, port=args.port, log_level="warning")
    return 0
