"""`make scale-test`: the stack of docker-compose.scale.yml under load, one container of each kind killed at random."""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from scripts.compose_test import TestFailed, require_engine
from scripts.stack import VAR
from tests.scale.cluster import Cluster, Spent
from tests.scale.plans import Plan, plan
from tests.scale.runs import Run
from tests.stack.waiting import until

HEALTHY_SECONDS = 180.0
MIB = 1024 * 1024


def chosen() -> Plan:
    """By SEED, PURCHASES, PAYERS and ROUNDS of the environment."""
    seed, purchases, payers, rounds = (
        int(os.environ.get(name) or usual)
        for name, usual in (("SEED", 1), ("PURCHASES", 300), ("PAYERS", 20), ("ROUNDS", 1))
    )
    return plan(seed, purchases, payers, rounds)


def main() -> int:
    """1 when something was lost or doubled; the stack is removed in any case."""
    chose, cluster = chosen(), Cluster()
    wrong = ["the run did not end"]
    kills = ", ".join(map(str, chose.kills))
    _say(f"seed {chose.seed}: {chose.purchases} purchases by {len(chose.wishes)} payers; to die: {kills}")
    try:
        require_engine()
        cluster.down()
        _say("build the images (the first time takes minutes) and start the stack ...")
        cluster.build()
        cluster.start()
        with tempfile.TemporaryDirectory(prefix="paddock-scale-") as folder:
            wrong = asyncio.run(_run(Run(chose, cluster, Path(folder))))
    except (TestFailed, subprocess.TimeoutExpired) as error:
        wrong = [str(error)]
    finally:
        if wrong:
            _keep_logs(cluster)
        cluster.down()
    print("\n".join(["", *(f"  WRONG {one}" for one in wrong), f"  {len(wrong)} things are wrong"]))
    return 1 if wrong else 0


async def _run(run: Run) -> list[str]:
    """Buys, kills, prints the figures, and holds everything to account."""
    before = run.cluster.spent()
    _say("buying ...")
    await run.buy()
    _purchases(run)
    until(run.cluster.healthy, HEALTHY_SECONDS, "every container is healthy again", every=0.5)
    wrong = await run.account()
    _memory(run, before, run.cluster.spent())
    return wrong


def _purchases(run: Run) -> None:
    """The table of phases, and what came of everything."""
    print(f"\n  {'phase':<26}{'purchases':>10}{'seconds':>9}{'a second':>10}{'median s':>10}{'longest s':>11}")
    phases = [*run.phases(), ("whole run", run.ended - run.began, [took for _, took in run.load.answered])]
    for name, seconds, took in phases:
        middle, longest = (f"{value:.1f}" for value in (statistics.median(took), max(took))) if took else ("-", "-")
        rate = len(took) / seconds if seconds else 0.0
        print(f"  {name:<26}{len(took):>10}{seconds:>9.1f}{rate:>10.1f}{middle:>10}{longest:>11}")
    for one in run.died:
        print(f"  {one.kill} died with {one.open} purchases to come, and was started after {one.back - one.at:.1f} s")
    outcomes = Counter((one.service, str(one.outcome)) for one in run.load.bought)
    print("  " + ", ".join(f"{service} {outcome}: {many}" for (service, outcome), many in sorted(outcomes.items())))
    answered = ", ".join(f"server {place + 1}: {many}" for place, many in sorted(run.balancer.answers.items()))
    print(f"  requests answered by {answered}; payments sent again {run.load.sent_again} times")


def _memory(run: Run, before: dict[str, Spent], after: dict[str, Spent]) -> None:
    """Each container's memory at begin and end; one that died began anew."""
    print(f"\n  {'container':<16}{'MiB before':>11}{'MiB after':>11}{'CPU s after':>13}")
    for name, spent in after.items():
        print(f"  {name:<16}{before[name].memory / MIB:>11.0f}{spent.memory / MIB:>11.0f}{spent.processor:>13.1f}")
    batches = ", ".join(f"{key}: {many}" for key, many in run.batches.items())
    print(f"\n  chain transactions by settlement key: {batches}")


def _keep_logs(cluster: Cluster) -> None:
    VAR.mkdir(exist_ok=True)
    path = VAR / "scale-test.log"
    path.write_text(cluster.compose.run("logs", "--no-color", check=False))
    print(f"  every container's log: {path.relative_to(VAR.parent)}", file=sys.stderr)


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
