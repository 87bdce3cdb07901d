"""The commands about jobs: `plan` has a model propose one, `run` does one."""

import sys
from argparse import Namespace

import msgspec

from agent import jobs, shopping
from agent.buyer import Buyer
from agent.commands import STATUSES, Shell, patience
from agent.planner import Planned, Planner
from agent.printing import plain, table
from agent.proposing import Proposer

_COLOURS = {"delivered": "green", "kept": "green", "skipped": "dim", "waiting": "yellow", "in_doubt": "yellow"}


def run(shell: Shell, args: Namespace) -> int:
    """Plan a job, and do it: answers by step as JSON on stdout, a line for each step on stderr."""
    job = jobs.load(args.job)
    buyer = Buyer.from_settings(shell.settings, patience(shell, args))
    planner = Planner(buyer)
    if args.plan:
        return _show_plan(shell, buyer, planner.plan(job))
    answers, ended = {}, "delivered"
    for done in planner.run(job):
        colour = _COLOURS.get(done.status, "red")
        shell.err.print(f"[{colour}]{done.status:<9}[/] {done.step.id}: {plain(done.detail, 600)}", soft_wrap=True)
        if done.outcome is not None and done.status in ("delivered", "kept"):
            answers[done.step.id] = done.answer
        elif done.status != "skipped":
            ended = done.status if not done.step.optional or done.status in ("waiting", "in_doubt") else ended
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answers), indent=2) + b"\n")
    sys.stdout.buffer.flush()
    return STATUSES[ended]


def plan(shell: Shell, args: Namespace) -> int:
    """Have a model propose a job for a goal; nothing is bought."""
    buyer = Buyer.from_settings(shell.settings)
    origins = [one.origin for one in buyer.policy.file.merchants]
    offers = shopping.allowed(buyer, shopping.discovered(buyer, origins, ""), args.task)
    job = Proposer(shell.settings).propose(args.goal, offers, args.task, args.budget)
    shell.out.out(msgspec.json.format(msgspec.json.encode(job), indent=2).decode(), highlight=False)
    return 0


def _show_plan(shell: Shell, buyer: Buyer, planned: list[Planned]) -> int:
    rows = table("step", "price", "request", "or else")
    for one in planned:
        if one.skipped:
            rows.add_row(one.step.id, "–", f"left out: {plain(one.skipped)}", "")
            continue
        if one.kept is not None:
            rows.add_row(one.step.id, "–", "bought before by this task", "")
            continue
        best, *others = one.offers
        price = buyer.policy.price(best.terms)
        rows.add_row(one.step.id, plain(price), plain(f"{best.method} {best.url}", 90), f"{len(others)} others")
    shell.out.print(rows)
    return 0
