"""Workers that are slow at random: lock-step against bounded staleness.

    stragglers.py --program=PATH [--bridges=bsp,ssp:1,ssp:3,ssp:7] [--workers=4] [--topology=star]
                  [--ms=20] [--slow=2] [--share=0.3] [--seed=1] [--repetitions=3] [--seconds=120]
                  [--step=0.1] [--target=0.06] [--lowered]

(`./bazelw run //tests/benchmark:stragglers` fills in the program.) Multiclass logistic regression by mini-batches
on made-up classes, a process for each worker on this machine. $GYRE_PACE (runtime/cluster/pace.h) lets a clock of
a worker take --ms, and some of them --slow times as long: none; in every clock those of one worker, drawn by clock;
a --share of them, drawn by worker and clock. What is left of that after computing is slept, so that a machine of few
cores will do; where a clock of the first bridge without stragglers takes much longer than --ms, a line says that it
did not.

The bridges take turns, without stragglers and with them; of each the median run by time to the target is shown:

  to target  seconds of training until the objective is at the target, on the logarithmic line between the points of
             the trace; a dash where it is not reached in --seconds
  ratio      of that to the first bridge's
  waiting    share of the workers' time in which they could not go on
  staleness  by how many clocks what was read of another worker lacked, at its mean and in shares of reads: 0, 1, ...

Plans lower the step under ssp:S to 1/(S+1) of --step. Here all bridges make the same steps, unless --lowered is given:
then all have the same --step, and more clocks are part of the price.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile

import network

ROWS, FEATURES, CLASSES = 2000, 32, 10
CLOCKS_AN_EPOCH = 50  # plans decide and measure that often, and all workers meet for it


def lag(bridge):
    return int(bridge.partition(":")[2] or 0) + 1


def stragglers(args):
    """Of each case: what $GYRE_PACE says, words, and the mean time of the slowest worker and of each, over --ms."""
    more = args.slow - 1
    return (("", "without stragglers", 1, 1),
            ("of=%d" % args.workers, "in every clock one of the workers %g times as long" % args.slow, args.slow,
             1 + more / args.workers),
            ("share=%g" % args.share, "a share of %g of clocks %g times as long" % (args.share, args.slow),
             1 + more * (1 - (1 - args.share) ** args.workers), 1 + more * args.share))


def train(args, folder, data, bridge, who):
    """The report of a run, or the line that says why there is none."""
    report = os.path.join(folder, "report.json")
    step = args.step * (1 if args.lowered else lag(bridge))
    pace = ",".join(["ms=%g" % args.ms, "slow=%g" % args.slow, "seed=%d" % args.seed, *([who] if who else [])])
    done = subprocess.run(
        [args.program, "run", "--cluster=local", "--workers=%d" % args.workers, "--bridge=" + bridge,
         "--topology=" + args.topology, "--storage=" + ("central" if args.topology == "star" else "replica"),
         "--payload=full", "--codec=exact", "--dtype=float64", "--standardize=none", "--update=sgd", "--momentum=0",
         "--step_schedule=constant", "--step=%.9g" % step, "--batch=%d" % (ROWS // CLOCKS_AN_EPOCH), "--tolerance=0",
         "--target=%g" % args.target, "--max_seconds=%g" % args.seconds, "--report=" + report, "--model_out=", *data],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, "GYRE_PACE": pace}, check=False)
    if done.returncode != 0:
        return network.Outcome(line=(done.stderr.strip() or "exit status %d" % done.returncode).splitlines()[-1])
    with open(report, encoding="utf-8") as file:
        return network.Outcome(json.load(file))


def waiting(report):
    waited, busy = (sum(task[what] for task in report["tasks"]) for what in ("waited_seconds", "busy_seconds"))
    return waited / max(waited + busy, 1e-9)


def show(args, words, slowest, each, results):
    network.say("\n%s: in lock-step a clock takes %.1f ms in the mean, a worker that never waits %.1f: %.2f x at best"
                % (words, args.ms * slowest, args.ms * each, each / slowest))
    network.say("  %-8s %11s %8s %7s %10s %8s   %s" % (
        "", "to target", "ratio", "clocks", "a clock", "waiting", "staleness"))
    first = None
    for bridge, outcome in results.items():
        if outcome.report is None:
            network.say("  %-8s failed: %s" % (bridge, outcome.line))
            continue
        seconds, stale = outcome.reached(args.target), outcome.report["staleness"]
        first = seconds if first is None else first
        reads = max(1, sum(stale["histogram"]))
        network.say("  %-8s %9s s %6s x %7d %7.1f ms %6.1f %%   %.2f: %s" % (
            bridge, network.figure(seconds), network.figure(seconds / first), outcome.clocks, 1e3 * outcome.a_clock,
            100 * waiting(outcome.report), stale["mean"], " ".join("%.2f" % (n / reads) for n in stale["histogram"])))
        if bridge != "async" and stale["max"] >= lag(bridge):
            network.say("  %-8s staleness of %d is above the bound" % (bridge, stale["max"]))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--program", default="", metavar="PATH")
    parser.add_argument("--bridges", default="bsp,ssp:1,ssp:3,ssp:7")
    parser.add_argument("--topology", default="star")
    parser.add_argument("--lowered", action="store_true")
    for name, value in (("workers", 4), ("seed", 1), ("repetitions", 3)):
        parser.add_argument("--" + name, type=int, default=value)
    for name, value in (("ms", 20), ("slow", 2), ("share", 0.3), ("seconds", 120), ("step", 0.1), ("target", 0.06)):
        parser.add_argument("--" + name, type=float, default=value)
    args = parser.parse_args()
    args.program, args.bridges = os.path.abspath(args.program), args.bridges.split(",")
    if not os.path.isfile(args.program):
        network.refuse("--program=PATH, of multiclass logistic regression, is missing")
    for bridge in args.bridges:
        if bridge != "bsp" and not (bridge.startswith("ssp:") and bridge[4:].isdigit()):
            network.refuse("--bridges=%s: each is bsp or ssp:S" % bridge)
    if args.ms <= 0 or args.slow < 1 or not 0 <= args.share <= 1 or min(args.workers, args.repetitions) < 1:
        network.refuse("--ms is above 0, --slow at least 1, --share of 0 to 1, --workers and --repetitions at least 1")
    return args


def main():
    args = parse()
    for number in network.SIGNALS:
        signal.signal(number, network.leave)
    with tempfile.TemporaryDirectory() as folder:
        data = network.softmax_data(folder, random.Random(1), ROWS, FEATURES, CLASSES)
        network.say("multiclass logistic regression, %d x %d, %d classes, %d workers, %s, clocks of %g ms; to an "
                    "objective of %g; median of %d" % (ROWS, FEATURES, CLASSES, args.workers, args.topology, args.ms,
                                                       args.target, args.repetitions))
        for who, words, slowest, each in stragglers(args):
            outcomes = {bridge: [] for bridge in args.bridges}
            for _ in range(args.repetitions):
                for bridge in args.bridges:
                    outcomes[bridge].append(train(args, folder, data, bridge, who))
            results = {bridge: network.median_of(runs, args.target) for bridge, runs in outcomes.items()}
            show(args, words, slowest, each, results)
            clocks = [o.a_clock for o in outcomes[args.bridges[0]] if o.report]
            if not who and clocks and statistics.median(clocks) > 1.15e-3 * args.ms:
                network.say("  too long: this machine is too slow or too busy for figures at this pace")


if __name__ == "__main__":
    main()
