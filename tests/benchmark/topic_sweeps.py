"""Topic models by sweep, without a clock: what a sweep is worth, however it is shared out; and a large one's memory.

    topic_sweeps.py --program=PATH [--data=FOLDER] [--only=curves,small,wide,disk] [--seeds=3] [--svg=FILE]

(`./bazelw run //tests/benchmark:topic_sweeps -- --data=FOLDER` fills in the program.)

curves  docword.nips.txt in the folder, 100 topics, alpha 0.1, beta 0.01: the joint likelihood, log p(words, topics) for each
        token, after some sweeps, of one worker, of logical workers among whom blocks of documents and words go round, and of
        as many with --partition=data, who see each other's moves a clock later. The mean over seeds, and their standard
        deviation. --svg draws it.
small   the same on a sixteenth of the documents, 400 topics: less for every worker to go by.
wide    100 000 topics, 100 000 words, 10 million tokens, made up: peak memory and seconds a sweep.
disk    100 topics, 20 000 words, 60 million tokens, made up: the same, with all data in memory and with --memory=100M.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

SWEEPS = (1, 2, 5, 10, 20, 50)
SIDES = [("serial", 1, "auto")] + [("%s, P = %d" % (name, workers), workers, partition)
                                   for name, partition in (("rotation", "hybrid"), ("data-parallel", "data"))
                                   for workers in (4, 16)]
COLOURS = ("#000000", "#1f77b4", "#17becf", "#ff7f0e", "#d62728")


def refuse(text):
    print(text, file=sys.stderr)
    sys.exit(2)


def say(*words):
    print(*words, flush=True)


def run(program, folder, *flags):
    """The report of a run."""
    report = os.path.join(folder, "report.json")
    done = subprocess.run([program, "run", "--report=" + report, "--model_out=", *flags], cwd=folder, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit("%s failed:\n%s" % (program, done.stdout))
    with open(report, encoding="utf-8") as file:
        return json.load(file)


def likelihoods(args, folder, path, topics, workers, partition):
    """By sweep, the likelihood of every seed."""
    return {sweeps: [run(args.program, folder, "--data=" + path, "--Topic=%d" % topics, "--workers=%d" % workers,
                         "--partition=" + partition, "--seed=%d" % (seed + 1), "--max_clocks=%d" % sweeps)
                     ["measures"]["likelihood"] for seed in range(args.seeds)] for sweeps in SWEEPS}


def curves(args, folder, path, topics):
    say("| sweeps | %s |" % " | ".join("%d" % s for s in SWEEPS))
    say("|---|" + "---|" * len(SWEEPS))
    lines = []
    for name, workers, partition in SIDES:
        found = likelihoods(args, folder, path, topics, workers, partition)
        cells = []
        for values in found.values():
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append("%.4f ± %.4f" % (statistics.mean(values), spread))
        say("| %s | %s |" % (name, " | ".join(cells)))
        lines.append((name, [statistics.mean(values) for values in found.values()]))
    return lines


def draw(lines, path):
    """Likelihood over sweeps, these by their logarithm."""
    wide, high, edge = 640, 400, 60
    values = [value for _, line in lines for value in line]
    low, top = min(values), max(values)
    along = lambda i: edge + (wide - 2 * edge) * i / (len(SWEEPS) - 1)  # SWEEPS are about evenly spaced by their logarithm
    up = lambda value: high - edge - (high - 2 * edge) * (value - low) / ((top - low) or 1)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">' % (wide, high),
           '<rect width="%d" height="%d" fill="white"/>' % (wide, high)]
    for i, sweeps in enumerate(SWEEPS):
        out.append('<text x="%.0f" y="%d" text-anchor="middle">%d</text>' % (along(i), high - edge + 20, sweeps))
    for value in (low, (low + top) / 2, top):
        out.append('<text x="%d" y="%.0f" text-anchor="end">%.2f</text>' % (edge - 6, up(value) + 4, value))
    out.append('<text x="%d" y="%d" text-anchor="middle">sweeps</text>' % (wide // 2, high - 14))
    out.append('<text x="%d" y="24">log p(words, topics) for each token</text>' % edge)
    for n, ((name, line), colour) in enumerate(zip(lines, COLOURS)):
        points = " ".join("%.1f,%.1f" % (along(i), up(value)) for i, value in enumerate(line))
        out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>' % (points, colour))
        out.append('<text x="%d" y="%d" fill="%s" text-anchor="end">%s</text>'
                   % (wide - edge, high - edge - 16 * (len(lines) - n), colour, name))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out + ["</svg>", ""]))


def nips(args):
    path = os.path.join(args.data, "docword.nips.txt")
    if not os.path.exists(path):
        refuse("curves and small need docword.nips.txt in the folder that --data names")
    return path


def bench_curves(args, folder):
    say("\nNIPS, 100 topics")
    lines = curves(args, folder, nips(args), 100)
    if args.svg:
        draw(lines, args.svg)


def bench_small(args, folder):
    kept = []
    with open(nips(args), encoding="utf-8") as file:
        docs, words, _ = (int(next(file)) for _ in range(3))
        for line in file:
            if int(line.split()[0]) <= docs // 16:
                kept.append(line)
    path = os.path.join(folder, "docword.small.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write("%d\n%d\n%d\n" % (docs // 16, words, len(kept)) + "".join(kept))
    say("\n%d papers of NIPS, 400 topics" % (docs // 16))
    curves(args, folder, path, 400)


def make_up(path, words, docs, length):
    draws = random.Random(1)
    weights, total = [], 0.0
    for word in range(words):  # Zipf's law
        total += 1 / (word + 1)
        weights.append(total)
    entries = path + ".entries"
    many = 0
    with open(entries, "w", encoding="utf-8") as file:
        for doc in range(docs):
            ranks = draws.choices(range(words), cum_weights=weights, k=length)
            themes = [draws.randrange(1000) for _ in range(3)]
            count = {}
            for i, rank in enumerate(ranks):  # every other word is of what the document is about: the same law from another start
                word = rank if i % 2 == 0 else (rank + 97 * (themes[i // 2 % 3] + 1)) % words
                count[word] = count.get(word, 0) + 1
            many += len(count)
            file.writelines("%d %d %d\n" % (doc + 1, word + 1, count[word]) for word in sorted(count))
    with open(path, "w", encoding="utf-8") as file, open(entries, encoding="utf-8") as lines:
        file.write("%d\n%d\n%d\n" % (docs, words, many))
        shutil.copyfileobj(lines, file)
    os.remove(entries)


def made_up(folder, *shape):
    """The path of a corpus made up elsewhere: a program's peak memory begins with its parent's."""
    path = os.path.join(folder, "docword.made.txt")
    making = multiprocessing.Process(target=make_up, args=(path, *shape))
    making.start()
    making.join()
    if making.exitcode != 0:
        sys.exit("the corpus could not be made up in %s" % folder)
    return path


def bench_memory(args, folder, path, topics, sides):
    for name, workers, *flags in sides:
        report = run(args.program, folder, "--data=" + path, "--Topic=%d" % topics, "--workers=%d" % workers,
                     "--max_clocks=2", *flags)
        say("%s: %.2f GB at most, %.2f GB on disk, %.1f s to load, %.1f s a sweep, likelihood %.4f" %
            (name, report["peak_memory_bytes"] * 1e-9, report["spilled_bytes"] * 1e-9, report["seconds"]["load"],
             report["seconds"]["train"] / report["clocks"], report["measures"]["likelihood"]))


def bench_wide(args, folder):
    say("\n100 000 topics, 100 000 words, 10 million tokens")
    bench_memory(args, folder, made_up(folder, 100_000, 100_000, 100), 100_000,
                 [("one worker", 1), ("two, rotation", 2, "--partition=hybrid"), ("two, data-parallel", 2, "--partition=data")])


def bench_disk(args, folder):
    say("\n100 topics, 20 000 words, 60 million tokens")
    bench_memory(args, folder, made_up(folder, 20_000, 200_000, 300), 100,
                 [("in memory", 1), ("--memory=100M", 1, "--memory=100M"), ("in memory, two workers", 2),
                  ("--memory=100M, two workers", 2, "--memory=100M")])


BENCHES = {"curves": bench_curves, "small": bench_small, "wide": bench_wide, "disk": bench_disk}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", default=os.environ.get("GYRE_DATA", ""))
    parser.add_argument("--only", default=",".join(BENCHES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--svg", default="")
    args = parser.parse_args()
    started = os.environ.get("BUILD_WORKING_DIRECTORY", ".")
    args.program = os.path.abspath(args.program)
    args.data = os.path.abspath(os.path.join(started, args.data))
    args.svg = args.svg and os.path.abspath(os.path.join(started, args.svg))
    for name in args.only.split(","):
        if name not in BENCHES:
            refuse("--only=%s: there are %s" % (name, ", ".join(BENCHES)))
        with tempfile.TemporaryDirectory() as folder:
            BENCHES[name](args, folder)


if __name__ == "__main__":
    main()
