"""Programs over slow links: worker processes in network namespaces of their own, joined by token buckets.

    network.py --program=NAME=PATH ... --machine=FILE [--only=CASE,...] [--rates=10,40,100,1000]
               [--variants=NAME;...] [--repetitions=3] [--workers=4] [--seconds=300]
               [--set=features=4096,...] [--svg=FILE]

(`./bazelw run //tests/benchmark:network` fills in the programs and the machine.) The coordinator and every
worker have a namespace, a pair of interfaces to a bridge and 10.77.0.0/24 to themselves; what a host sends
and what it is sent are each limited to the rate, in Mbit/s, by tc's tbf at either end of its pair. Nothing
outside the namespaces changes, and all of them go when this ends, those of a run that was killed when the
next one begins. That takes Linux with veth, bridge and tbf, iproute2, CAP_NET_ADMIN and CAP_SYS_ADMIN: where
they are missing a line says SKIPPED and the exit status is 0.

First, at every rate, a bare TCP stream between two hosts: what it reaches of the rate says whether to believe
the rest. Then the variants of a case take turns; the figures are medians over the repetitions:

  to target  seconds of training until the objective is at the case's target, on the logarithmic line between
             the points of the trace; a dash where it is not reached in --seconds
  ratio      of that to the first variant's that ran
  a clock    seconds of training over clocks
  MB a clock bytes on the wire, counted by the buckets from the start of the processes to their end, over clocks:
             headers, the job, evaluations and what was sent again are among them

A variant that the program refuses (exit status 2) is shown with the reason.
"""

import argparse
import array
import contextlib
import json
import math
import os
import random
import re
import secrets
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

# ---- What is measured.


def softmax_data(folder, draw, rows, features, classes):
    """Classes around points of their own; no class is without a row."""
    centers = [[draw.gauss(0, 1) for _ in range(features)] for _ in range(classes)]
    labels = [row % classes for row in range(rows)]
    draw.shuffle(labels)
    values = array.array("f", (value + draw.gauss(0, 1) for label in labels for value in centers[label]))
    save_npy(os.path.join(folder, "X.npy"), "<f4", (rows, features), values)
    save_npy(os.path.join(folder, "labels.npy"), "<i4", (rows,), array.array("i", labels))
    return ["--data=X=%s/X.npy" % folder, "--data=label=%s/labels.npy" % folder]


def rated(folder, draw, users, items, ratings, planted):
    """Ratings of planted factors with noise; users and items by a power law."""
    def factors(count):
        return [[draw.gauss(0, planted ** -0.25) for _ in range(planted)] for _ in range(count)]
    def drawn(count):
        return [int(count * draw.random() ** 2) for _ in range(ratings)]
    of_users, of_items, user, item = factors(users), factors(items), drawn(users), drawn(items)
    values = array.array("f", (sum(a * b for a, b in zip(of_users[u], of_items[i])) + draw.gauss(0, 0.3)
                               for u, i in zip(user, item)))
    save_npy(os.path.join(folder, "rating.npy"), "<f4", (ratings,), values)
    save_npy(os.path.join(folder, "user.npy"), "<i4", (ratings,), array.array("i", user))
    save_npy(os.path.join(folder, "item.npy"), "<i4", (ratings,), array.array("i", item))
    return ["--data=%s=%s/%s.npy" % (name, folder, name) for name in ("rating", "user", "item")]


MANAGED = ["--topology=p2p", "--bridge=ssp:3"]
BEST = "the best of the others"
CASES = {
    "multiclass": {
        "program": "//examples:multiclass_logistic",
        "what": "multiclass logistic regression, {rows} x {features}, {classes} classes, mini-batches of {batch}",
        "data": softmax_data,
        "size": {"rows": 400, "features": 512, "classes": 256},
        "settings": {"batch": 100, "step": 0.1, "clocks": 200, "target": 1.5},
        "flags": ["--standardize=none", "--update=sgd", "--momentum=0", "--batch={batch}", "--step={step}",
                  "--max_clocks={clocks}", "--tolerance=0", "--target={target}"],
        "variants": {
            "full, star": ["--payload=full", "--topology=star", "--storage=central", "--bridge=bsp"],
            "factors, p2p": ["--payload=factors", "--topology=p2p", "--storage=replica", "--bridge=bsp"],
            "full, p2p": ["--payload=full", "--topology=p2p", "--storage=replica", "--bridge=bsp"],
            "full, ring": ["--payload=full", "--topology=ring", "--storage=replica", "--bridge=bsp"],
            "full, halton": ["--payload=full", "--topology=halton", "--storage=replica", "--bridge=bsp"],
            "planner": [],
        },
        # The time to the target of the first over that of the second, at most, at these rates and below.
        "wanted": [("factors, p2p", "full, star", 0.4, 100), ("planner", BEST, 1.1, 1000)],
    },
    "ratings": {
        "program": "//examples:matrix_factorization",
        "what": "matrix factorisation, {ratings} ratings of {users} users and {items} items, rank {rank}",
        "data": rated,
        "size": {"users": 4000, "items": 3000, "ratings": 400000, "planted": 8},
        "settings": {"rank": 32, "clocks": 200, "target": 162000},
        "flags": ["--Rank={rank}", "--update=dsgd", "--dtype=float32", "--max_clocks={clocks}", "--tolerance=0",
                  "--target={target}"],
        "variants": {
            "clock, bsp": ["--topology=p2p", "--bridge=bsp"],
            "clock, ssp:3": [*MANAGED, "--order=clock"],
            "magnitude": [*MANAGED, "--order=magnitude"],
            "random": [*MANAGED, "--order=random"],
            "fifo": [*MANAGED, "--order=fifo"],
            "deadline": [*MANAGED, "--order=deadline"],
        },
        "wanted": [("magnitude", "clock, bsp", 0.7, 40), ("magnitude", "clock, ssp:3", 0.7, 40),
                   ("magnitude", "random", 0.9, 40)],
    },
}

RATES = (10, 40, 100, 1000)
COLOURS = ("#000000", "#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd")


def say(*words):
    print(*words, flush=True)


def refuse(text):
    print(text, file=sys.stderr)
    sys.exit(2)


def save_npy(path, kind, shape, values):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (kind, shape)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values.tobytes())


# ---- Hosts and links.

PREFIX = "gyre-net-"  # of namespaces: gyre-net-PID-START-HOST
SBIN = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
COMMAND_SECONDS = 20
LATENCY_MS = 50  # what may wait before a link; beyond it packets are dropped
NET_ADMIN, SYS_ADMIN = 12, 21  # bits of a set of capabilities


class Unavailable(Exception):
    """This machine, or who runs this, cannot have such links."""


def tool(*words):
    done = subprocess.run([shutil.which(words[0], path=SBIN) or words[0], *map(str, words[1:])], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    if done.returncode != 0:
        why = (done.stderr.strip() or "exit status %d" % done.returncode).splitlines()[0]
        raise Unavailable("%s: %s" % (" ".join(map(str, words)), why))
    return done.stdout


def check_privilege():
    for name in ("ip", "tc"):
        if shutil.which(name, path=SBIN) is None:
            raise Unavailable("needs %s (iproute2)" % name)
    with open("/proc/self/status", encoding="ascii") as file:
        held = int(re.search(r"^CapEff:\s*(\w+)", file.read(), re.M).group(1), 16)
    for bit, name in ((NET_ADMIN, "CAP_NET_ADMIN"), (SYS_ADMIN, "CAP_SYS_ADMIN")):
        if not held >> bit & 1:
            raise Unavailable("needs %s, to make network namespaces and links between them" % name)


def namespaces():
    """Those of this run and of others."""
    return re.findall(r"(?m)^%s\d+-\d+-\w+" % PREFIX, tool("ip", "netns", "list"))


def end(namespace):
    """Removes a namespace, its processes before it; its interfaces go with it."""
    with contextlib.suppress(Unavailable):
        for pid in tool("ip", "netns", "pids", namespace).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        tool("ip", "netns", "del", namespace)


def identity(pid):
    """PID-START of a process: no other has had both. Empty: there is none."""
    try:
        with open("/proc/%s/stat" % pid, encoding="utf-8") as file:
            return "%s-%s" % (pid, file.read().rsplit(")", 1)[1].split()[19])
    except OSError:
        return ""


def in_use(namespace):
    """Whether the run that made it goes on."""
    run, pid = re.match(r"%s((\d+)-\d+)-" % PREFIX, namespace).groups()
    return identity(pid) == run


class Links:
    """Hosts 0 (the coordinator's) to `workers` around a bridge. For use as a context."""

    def __init__(self, workers):
        self.hosts = range(workers + 1)
        self.mine = "%s%s-" % (PREFIX, identity(os.getpid()))

    def name(self, host):
        return "%s%s" % (self.mine, host)

    def address(self, host):
        return "10.77.0.%d" % (host + 1)

    def __enter__(self):
        for left in namespaces():
            if not in_use(left):
                end(left)
        try:
            self.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for namespace in namespaces():
            if namespace.startswith(self.mine):
                end(namespace)

    def connect(self):
        switch = self.name("switch")
        tool("ip", "netns", "add", switch)
        tool("ip", "-n", switch, "link", "add", "br0", "type", "bridge", "stp_state", 0)
        self.configure(switch)
        tool("ip", "-n", switch, "link", "set", "br0", "up")
        for host in self.hosts:
            here, port = self.name(host), "port%d" % host
            tool("ip", "netns", "add", here)
            self.configure(here)
            tool("ip", "-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", here)
            tool("ip", "-n", switch, "link", "set", port, "master", "br0", "up")
            tool("ip", "-n", here, "addr", "add", self.address(host) + "/24", "dev", "eth0")
            tool("ip", "-n", here, "link", "set", "lo", "up")
            tool("ip", "-n", here, "link", "set", "eth0", "up")
        self.limit(RATES[-1])

    def configure(self, namespace):
        """No chatter of IPv6 on the links; TCP as most machines have it."""
        for setting, value in (("ipv6/conf/all/disable_ipv6", 1), ("ipv6/conf/default/disable_ipv6", 1),
                               ("ipv4/tcp_congestion_control", "cubic")):
            with contextlib.suppress(Unavailable):  # a kernel without it
                tool("ip", "netns", "exec", namespace, "sh", "-c", "echo %s > /proc/sys/net/%s" % (value, setting))

    def limit(self, rate):
        """Every link to `rate` Mbit/s, in each direction."""
        # A bucket of 4 ms, as timers may be late, and not less than some packets.
        burst = max(16000, rate * 1000000 // 8 * 4 // 1000)
        for host in self.hosts:
            for namespace, device in self.ends(host):
                tool("tc", "-n", namespace, "qdisc", "replace", "dev", device, "root", "tbf", "rate", "%dmbit" % rate,
                     "burst", burst, "latency", "%dms" % LATENCY_MS)

    def on(self, host, *command):
        """The command as it runs on a host; `ip netns exec` becomes it, so that signals reach it."""
        return [shutil.which("ip", path=SBIN), "netns", "exec", self.name(host), *command]

    def ends(self, host):
        """Its interface, and the bridge's towards it: what it sends passes the one, what it is sent the other."""
        return (self.name(host), "eth0"), (self.name("switch"), "port%d" % host)

    def counters(self):
        """By host, bytes sent and received. The buckets count the headers of every frame; the interfaces' own counters
        (/sys/class/net) take what the kernel hands on in one piece for one frame, and miss 4 %."""
        return [[json.loads(tool("tc", "-n", namespace, "-j", "-s", "qdisc", "show", "dev", device))[0]["bytes"]
                 for namespace, device in self.ends(host)] for host in self.hosts]


def stop(process):
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=COMMAND_SECONDS)


# ---- A bare stream.

STREAM_SECONDS, WARM_SECONDS, STREAM_PORT, ECHOES = 5.0, 1.5, 7000, 50  # at first TCP looks for the rate


def sink(address):
    """Sends single bytes back, then takes a stream: prints the median round trip's microseconds and Mbit/s."""
    with socket.create_server((address, STREAM_PORT)) as server:
        server.settimeout(COMMAND_SECONDS)
        say("ready")
        link, _ = server.accept()
    with link:
        link.settimeout(COMMAND_SECONDS)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        trips = []
        for _ in range(ECHOES):
            start = time.perf_counter()
            link.sendall(b"e")
            link.recv(1)
            trips.append(time.perf_counter() - start)
        room, start, first, last, taken = bytearray(1 << 20), time.perf_counter(), None, 0.0, 0
        while count := link.recv_into(room):
            last = time.perf_counter()
            if last - start < WARM_SECONDS:
                continue
            if first is None:
                first = last
            else:
                taken += count
        say(statistics.median(trips) * 1e6, taken * 8e-6 / (last - first))


def source(address):
    with socket.create_connection((address, STREAM_PORT), timeout=COMMAND_SECONDS) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(ECHOES):
            link.sendall(link.recv(1))
        data, until = bytes(1 << 16), time.perf_counter() + STREAM_SECONDS
        while time.perf_counter() < until:
            link.sendall(data)


def stream(links, sender, receiver):
    """Microseconds of a round trip and Mbit/s between two hosts, with nothing else on the links."""
    myself, address = [sys.executable, "-B", os.path.abspath(__file__)], links.address(receiver)
    # It says that it is ready, or ends.
    taker = subprocess.Popen(links.on(receiver, *myself, "--sink=" + address), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True)
    try:
        taker.stdout.readline()
        subprocess.run(links.on(sender, *myself, "--source=" + address), check=True, stdin=subprocess.DEVNULL,
                       timeout=STREAM_SECONDS + 2 * COMMAND_SECONDS)
        out, _ = taker.communicate(timeout=COMMAND_SECONDS)
        return tuple(map(float, out.split()))
    finally:
        stop(taker)


def check_links(links, rate):
    """Says what a bare stream reaches, and gives a round trip's microseconds."""
    trips, reached = zip(*(stream(links, sender, receiver) for sender, receiver in ((1, 0), (0, 1))))
    say("\n%d Mbit/s: a bare TCP stream reaches %s %% of it from a worker and to it; a round trip takes %.0f us"
        % (rate, " and ".join("%.1f" % (100 * r / rate) for r in reached), statistics.median(trips)))
    if min(reached) < 0.85 * rate:
        say("  too little: this machine is too slow or too busy for figures at this rate")
    return statistics.median(trips)


# ---- A run.

COORDINATOR_PORT = 7100
START_SECONDS, END_SECONDS = 90, 15
EXIT_REFUSED = 2


class Outcome:
    """Of a run: either what came out, or the line that says why nothing did."""

    def __init__(self, report=None, wire=None, line="", refused=False):
        self.report, self.wire, self.line, self.refused = report, wire, line, refused

    @property
    def clocks(self):
        return max(1, self.report["clocks"])

    @property
    def a_clock(self):
        return self.report["seconds"]["train"] / self.clocks

    def points(self):
        return [(p["seconds"], p["objective"]) for p in self.report["trace"] if p["objective"] is not None]

    def reached(self, target):
        """Seconds until the objective is there; infinite: it never is."""
        before = None
        for seconds, value in self.points():
            if value <= target:
                if before is None or not value > 0:
                    return seconds
                share = math.log(before[1] / target) / math.log(before[1] / value)
                return before[0] + share * (seconds - before[0])
            before = (seconds, value)
        return math.inf

    def megabytes(self):
        """On the wire a clock: out of and into the coordinator, then a worker, on average."""
        (out, into), workers = self.wire[0], self.wire[1:]
        each = [sum(w[way] for w in workers) / len(workers) for way in (0, 1)]
        return [n * 1e-6 / self.clocks for n in (out, into, *each)]

    def choice(self):
        answers = next(iter(self.report["plan"]["answers"].values()))
        return ", ".join(answers[q]["choice"] for q in ("communicate", "payload", "codec", "bridge") if q in answers)


def last_line(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1] if lines else ""


def wait_for(done, seconds):
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def launch(links, host, folder, name, command, **environment):
    """A process on a host; what it says goes into NAME.out and NAME.err in the folder."""
    with open(os.path.join(folder, name + ".out"), "wb") as out, open(os.path.join(folder, name + ".err"), "wb") as err:
        return subprocess.Popen(links.on(host, *command), cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                env={**os.environ, **environment})


def train(links, folder, program, flags, seconds):
    """A run over all hosts."""
    workers = len(links.hosts) - 1
    with tempfile.TemporaryDirectory(dir=folder) as place:
        report, cluster = os.path.join(place, "report.json"), os.path.join(place, "cluster.textproto")
        with open(cluster, "w", encoding="utf-8") as file:
            file.write("processes: %d workers: %d lanes: 1\n" % (workers, workers))
        address, token = "%s:%d" % (links.address(0), COORDINATOR_PORT), secrets.token_hex(16)
        before = links.counters()
        processes = [launch(links, 0, place, "run", [
            program, "run", "--cluster=" + cluster, "--listen=" + address, "--insecure", "--model_out=",
            "--report=" + report, "--max_seconds=%g" % seconds, *flags], GYRE_TOKEN=token)]
        run = processes[0]
        try:
            def listens():
                with open(os.path.join(place, "run.out"), "rb") as file:
                    return run.poll() is not None or b"waiting for" in file.read()
            if not wait_for(listens, START_SECONDS):
                return Outcome(line="it did not listen within %d s" % START_SECONDS)
            if run.poll() is None:
                for host in links.hosts[1:]:
                    processes.append(launch(links, host, place, "worker%d" % host, [
                        program, "worker", "--coordinator=" + address, "--insecure"],
                        GYRE_TOKEN=token, GYRE_PROCESS=str(host - 1)))
            # The last clocks before the limit, and evaluations, come on top of it.
            if not wait_for(lambda: run.poll() is not None, START_SECONDS + 3 * seconds):
                return Outcome(line="it did not end within %d s" % (START_SECONDS + 3 * seconds))
            wait_for(lambda: all(p.poll() is not None for p in processes), END_SECONDS)
        finally:
            for process in processes:
                stop(process)
        wire = [[a - b for a, b in zip(now, then)] for now, then in zip(links.counters(), before)]
        if run.returncode != 0:
            line = last_line(os.path.join(place, "run.err")) or "exit status %d" % run.returncode
            return Outcome(line=line, refused=run.returncode == EXIT_REFUSED)
        with open(report, encoding="utf-8") as file:
            return Outcome(json.load(file), wire)


# ---- Cases.


def machine_file(args, folder, rate, trip):
    """The machine that plans are made for, with these links."""
    with open(args.machine, encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"(?m)^network_gbs:.*$", "network_gbs: %g" % (rate / 8000), text)
    text = re.sub(r"(?m)^rtt_us:.*$", "rtt_us: %.0f" % trip, text)
    path = os.path.join(folder, "machine.textproto")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def settings_of(case, given):
    settings = {**case["size"], **case["settings"]}
    settings.update((name, type(settings[name])(value)) for name, value in given.items() if name in settings)
    return settings


def median_of(outcomes, target):
    """The run in the middle, by its time to the target; where one failed, that one."""
    for outcome in outcomes:
        if outcome.report is None:
            return outcome
    ranked = sorted(outcomes, key=lambda o: (o.reached(target), o.a_clock))
    return ranked[(len(ranked) - 1) // 2]


def figure(value, form="%.2f"):
    return form % value if math.isfinite(value) else "-"


def show_table(results, target):
    first = next((o for o in results.values() if o.report), None)
    say("  %-16s %10s %7s %7s %10s   %-25s %-25s" % ("", "to target", "ratio", "clocks", "a clock",
                                                   "MB a clock: coordinator", "a worker"))
    for variant, outcome in results.items():
        if outcome.report is None:
            say("  %-16s %s: %s" % (variant, "refused" if outcome.refused else "failed", outcome.line))
            continue
        seconds = outcome.reached(target)
        ratio = seconds / first.reached(target) if math.isfinite(first.reached(target)) else math.inf
        say("  %-16s %8s s %5s x %7d %8.3f s   out %7.3f  in %7.3f   out %7.3f  in %7.3f" % (
            variant, figure(seconds), figure(ratio), outcome.clocks, outcome.a_clock, *outcome.megabytes()))
    for variant, outcome in results.items():
        if outcome.report is not None:
            say("  %-16s %s; %s" % (variant, outcome.choice(), outcome.report["stop_detail"]))


def show_wanted(case, results, target, rate):
    for variant, other, most, up_to in case["wanted"]:
        if rate > up_to or variant not in results or results[variant].report is None:
            continue
        rivals = {name: o.reached(target) for name, o in results.items()
                  if name != variant and o.report is not None and other in (BEST, name)}
        if not rivals or math.isinf(min(rivals.values())):
            continue
        name = min(rivals, key=rivals.get)
        say("  %s / %s: %s x, wanted at most %g x" % (
            variant, name, figure(results[variant].reached(target) / rivals[name]), most))


def bench(args, links, case, folder):
    """By rate, the median run of every variant."""
    settings = settings_of(case, args.set)
    data = case["data"](folder, random.Random(1), **{name: settings[name] for name in case["size"]})
    say("\n%s; %d worker%s; to an objective of %g; median of %d" % (
        case["what"].format(**settings), args.workers, "s" * (args.workers > 1), settings["target"], args.repetitions))
    program = args.program[case["program"].rsplit(":", 1)[-1]]
    names = [name for name in case["variants"] if not args.variants or name in args.variants]
    found = {}
    for rate in args.rates:
        links.limit(rate)
        machine = machine_file(args, folder, rate, check_links(links, rate))
        flags = [*data, *(flag.format(**settings) for flag in case["flags"]), "--machine=" + machine]
        outcomes = {name: [] for name in names}
        for _ in range(args.repetitions):
            for name in names:
                if not any(o.refused for o in outcomes[name]):
                    outcomes[name].append(train(links, folder, program, flags + case["variants"][name], args.seconds))
        found[rate] = {name: median_of(runs, settings["target"]) for name, runs in outcomes.items()}
        show_table(found[rate], settings["target"])
        show_wanted(case, found[rate], settings["target"], rate)
    return settings, found


# ---- Curves.

WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 380, 300, 62, 14, 34, 46  # of a panel, and its margins


class Axis:
    """From values to places, by their logarithm."""

    def __init__(self, values, start, stop):
        low, high = min(values), max(values)
        low, high = (low / 1.15, high * 1.15) if low < high else (low / 2, high * 2)
        self.low, self.high, self.start, self.scale = low, high, start, (stop - start) / math.log(high / low)

    def __call__(self, value):
        return self.start + self.scale * math.log(value / self.low)

    def ticks(self):
        """Few round values."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
            values = [s * 10.0 ** d for d in decades for s in steps if self.low <= s * 10.0 ** d <= self.high]
            if len(values) >= 3:
                break
        return values


def text(x, y, words, **style):
    marks = "".join(' %s="%s"' % (name.replace("_", "-"), value) for name, value in style.items())
    return '<text x="%.1f" y="%.1f"%s>%s</text>' % (x, y, marks, words.replace("&", "&amp;").replace("<", "&lt;"))


def line(x1, y1, x2, y2, **style):
    marks = "".join(' %s="%s"' % (name.replace("_", "-"), value) for name, value in style.items())
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"%s/>' % (x1, y1, x2, y2, marks)


def panel(x, y, title, curves, colours, target, values):
    """A rate: the objective of every variant over its seconds of training."""
    right, bottom = x + WIDE - RIGHT, y + HIGH - BOTTOM
    along = Axis([point[0] for points in curves.values() for point in points], x + LEFT, right)
    up = Axis(values, bottom, y + TOP)
    out = [text(x + LEFT, y + TOP - 12, title, font_weight="bold")]
    for value in along.ticks():
        out.append(line(along(value), y + TOP, along(value), bottom, stroke="#e4e4e4"))
        out.append(text(along(value), bottom + 16, "%g" % value, text_anchor="middle"))
    for value in up.ticks():
        out.append(line(x + LEFT, up(value), right, up(value), stroke="#e4e4e4"))
        out.append(text(x + LEFT - 6, up(value) + 4, "%g" % value, text_anchor="end"))
    out.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="none" stroke="#888888"/>'
               % (x + LEFT, y + TOP, right - x - LEFT, bottom - y - TOP))
    out.append(line(x + LEFT, up(target), right, up(target), stroke="#888888", stroke_dasharray="5 4"))
    out.append(text((x + LEFT + right) / 2, bottom + 34, "seconds of training", text_anchor="middle"))
    middle = (y + TOP + bottom) / 2
    out.append(text(x + 14, middle, "objective", text_anchor="middle",
                    transform="rotate(-90 %.1f %.1f)" % (x + 14, middle)))
    for name, points in curves.items():
        places = [(along(seconds), up(value)) for seconds, value in points]
        out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="1.6"/>'
                   % (" ".join("%.1f,%.1f" % place for place in places), colours[name]))
        out += ['<circle cx="%.1f" cy="%.1f" r="2.4" fill="%s"/>' % (*place, colours[name]) for place in places]
    return out


def draw(path, cases):
    """A row of panels for every case, one for every rate."""
    columns = max(len(found) for _, _, found in cases)
    wide, high = max(columns * WIDE, 2 * WIDE), len(cases) * (HIGH + 50)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" '
           'font-size="12">' % (wide, high, wide, high), '<rect width="%d" height="%d" fill="white"/>' % (wide, high)]
    for row, (title, target, found) in enumerate(cases):
        y = row * (HIGH + 50)
        out.append(text(LEFT, y + 20, title, font_size="13"))
        curves = {rate: {name: [p for p in o.points() if min(p) > 0] for name, o in results.items() if o.report}
                  for rate, results in found.items()}
        curves = {rate: {name: points for name, points in each.items() if points} for rate, each in curves.items()}
        names = list(dict.fromkeys(name for each in curves.values() for name in each))
        colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
        values = [target] + [value for each in curves.values() for points in each.values() for _, value in points]
        x = LEFT
        for name in names:
            out.append(line(x, y + 36, x + 24, y + 36, stroke=colours[name], stroke_width="2"))
            out.append(text(x + 30, y + 40, name))
            x += 50 + 7 * len(name)
        out.append(line(x, y + 36, x + 24, y + 36, stroke="#888888", stroke_dasharray="5 4"))
        out.append(text(x + 30, y + 40, "target"))
        for column, (rate, each) in enumerate(curves.items()):
            if each:
                out += panel(column * WIDE, y + 46, "%d Mbit/s" % rate, each, colours, target, values)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out + ["</svg>", ""]))


# ---- The command line.


SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def pairs(words):
    return dict(word.split("=", 1) for word in words)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--program", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--machine", default="")
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--rates", default=",".join(map(str, RATES)))
    parser.add_argument("--variants", default="")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--set", default="", metavar="NAME=VALUE,...")
    parser.add_argument("--svg", default="")
    parser.add_argument("--sink", default="", help=argparse.SUPPRESS)
    parser.add_argument("--source", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.sink or args.source:
        return args
    started = os.environ.get("BUILD_WORKING_DIRECTORY", ".")
    args.program = {name: os.path.abspath(path) for name, path in pairs(args.program).items()}
    args.machine = os.path.abspath(args.machine)
    args.svg = args.svg and os.path.abspath(os.path.join(started, args.svg))
    args.only, args.variants = args.only.split(","), [v.strip() for v in args.variants.split(";") if v.strip()]
    try:
        args.rates = [int(rate) for rate in args.rates.split(",")]
        args.set = {name: float(value) for name, value in pairs(w for w in args.set.split(",") if w).items()}
    except ValueError:
        refuse("--rates=10,100 are whole Mbit/s; --set=NAME=VALUE,... are sizes and settings of a case")
    for name in args.only:
        if name not in CASES:
            refuse("--only=%s: there are %s" % (name, ", ".join(CASES)))
        case = CASES[name]
        for what, wanted, known in (("--variants", args.variants, case["variants"]),
                                    ("--set", args.set, {**case["size"], **case["settings"]})):
            for each in wanted:
                if each not in known:
                    refuse("%s: %s has no %s; there are %s" % (what, name, each, "; ".join(known)))
        if case["program"].rsplit(":", 1)[-1] not in args.program:
            refuse("--program=%s=PATH is missing" % case["program"].rsplit(":", 1)[-1])
    if not os.path.isfile(args.machine):
        refuse("--machine=FILE, a description of a machine, is missing")
    if min(args.workers, args.repetitions, *args.rates) < 1 or args.workers > 200:
        refuse("--workers (at most 200), --repetitions and --rates are at least 1")
    return args


def leave(number, _):
    """Ends on a signal, once: what goes down on the way is not to be interrupted again."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def main():
    args = parse()
    if args.sink:
        return sink(args.sink)
    if args.source:
        return source(args.source)
    for number in SIGNALS:
        signal.signal(number, leave)
    with contextlib.ExitStack() as stack:
        try:
            check_privilege()
            links = stack.enter_context(Links(args.workers))
        except Unavailable as missing:
            return say("SKIPPED network bench: %s" % missing)
        drawn = []
        for name in args.only:
            with tempfile.TemporaryDirectory() as folder:
                settings, found = bench(args, links, CASES[name], folder)
                drawn.append((CASES[name]["what"].format(**settings), settings["target"], found))
        if args.svg:
            draw(args.svg, drawn)
    return None


if __name__ == "__main__":
    main()
