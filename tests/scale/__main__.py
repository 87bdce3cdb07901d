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
from tests.scale.checks import MIB, grown
from tests.scale.cluster import Cluster
from tests.scale.load import PATIENCE
from tests.scale.plans import REPLICAS, Plan, plan
from tests.scale.runs import Run, Stage
from tests.stack.waiting import until

HEALTHY_SECONDS = 180.0
LOAD = 0.8
"""Of what was possible with everybody buying as fast as they can: the load of a soak."""
KINDS, SPAN = len(REPLICAS), 8
"""How many die in a round, and how many purchases there are at least from one to the next."""


def chosen() -> Plan:
    """By SEED, PURCHASES, PAYERS and ROUNDS of the environment."""
    return plan(_number("SEED", 1), _number("PURCHASES", 300), _number("PAYERS", 20), _number("ROUNDS", 1))


def soaking(first: Plan, rate: float, minutes: int) -> Plan:
    """What is bought in so many minutes at that many a second; about every minute one more dies."""
    purchases = max(int(rate * 60 * minutes), len(first.wishes), SPAN * (KINDS + 1))
    rounds = max(1, min(minutes // KINDS, (purchases // SPAN - 1) // KINDS))
    return plan(first.seed + 1000, purchases, len(first.wishes), rounds)


def _number(name: str, usual: int) -> int:
    return int(os.environ.get(name) or usual)


def main() -> int:
    """1 when something was lost or doubled; the stack is removed in any case."""
    chose, cluster = chosen(), Cluster()
    wrong = ["the run did not end"]
    try:
        require_engine()
        cluster.down()
        _say("build the images (the first time takes minutes) and start the stack ...")
        cluster.build()
        cluster.start()
        with tempfile.TemporaryDirectory(prefix="paddock-scale-") as folder:
            wrong = asyncio.run(_run(Run(cluster, Path(folder)), chose, _number("MINUTES", 0)))
    except (TestFailed, subprocess.TimeoutExpired) as error:
        wrong = [str(error)]
    finally:
        if wrong:
            _keep_logs(cluster)
        cluster.down()
    print("\n".join(["", *(f"  WRONG {one}" for one in wrong), f"  {len(wrong)} things are wrong"]))
    return 1 if wrong else 0


async def _run(run: Run, chose: Plan, minutes: int) -> list[str]:
    """Buys, kills, prints the figures, and holds everything to account."""
    _tell(chose)
    stage = await run.buy(chose)
    await run.sample("bought")
    _table(run, stage)
    if minutes:
        rate = LOAD * chose.purchases / (stage.ended - stage.began)
        steady = soaking(chose, rate, minutes)
        _say(f"\n  {minutes} minutes at {LOAD:.0%} of what the whole stage did, {rate:.2f} a second")
        _tell(steady)
        _table(run, await run.buy(steady, rate))
        await run.sample("soaked")
    until(run.cluster.healthy, HEALTHY_SECONDS, "every container is healthy again", every=0.5)
    _outcomes(run)
    _say("waiting for the end of every order, and comparing ...")
    wrong = await run.account()
    await run.ask(_number("REQUESTS", 3000))
    await run.sample("after terms")
    _memory(run)
    warm = [{name: spent.memory for name, spent in one.items()} for one in list(run.samples.values())[1:]]
    return wrong + grown(warm, {str(one.kill) for one in run.died})


def _tell(chose: Plan) -> None:
    kills = ", ".join(map(str, chose.kills))
    _say(f"seed {chose.seed}: {chose.purchases} purchases by {len(chose.wishes)} payers; to die: {kills}")


def _table(run: Run, stage: Stage) -> None:
    """From kill to kill, how many purchases were answered and how long they took."""
    print(f"\n  {'phase':<26}{'purchases':>10}{'seconds':>9}{'a second':>10}{'median s':>10}{'longest s':>11}")
    for name, seconds, took in stage.phases(run.load):
        middle, longest = (f"{value:.1f}" for value in (statistics.median(took), max(took))) if took else ("-", "-")
        rate = len(took) / seconds if seconds else 0.0
        print(f"  {name:<26}{len(took):>10}{seconds:>9.1f}{rate:>10.1f}{middle:>10}{longest:>11}")
    for one in stage.died:
        _say(f"{one.kill} died with {one.open} payments under way, and was started after {one.back - one.at:.1f} s")


def _outcomes(run: Run) -> None:
    outcomes = Counter((one.service, str(one.outcome)) for one in run.load.bought)
    _say("\n  " + ", ".join(f"{service} {outcome}: {many}" for (service, outcome), many in sorted(outcomes.items())))
    answered = ", ".join(f"server {place + 1}: {many}" for place, many in sorted(run.balancer.answers.items()))
    _say(f"requests answered by {answered}; payments sent again {run.load.sent_again} times")
    _say(f"no answer within {PATIENCE:.0f} s, and asked for again at the end: {len(run.load.given_up)}")


def _memory(run: Run) -> None:
    """Each container's memory over the run; one that died began anew."""
    print(f"\n  {'MiB':<16}" + "".join(f"{when:>13}" for when in run.samples) + f"{'CPU seconds':>13}")
    for name, last in list(run.samples.values())[-1].items():
        cells = [f"{one[name].memory / MIB:.0f}" if name in one else "-" for one in run.samples.values()]
        print(f"  {name:<16}" + "".join(f"{cell:>13}" for cell in cells) + f"{last.processor:>13.1f}")
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
