"""Runs over worker processes, as users and their machines treat them.

    processes.py PROGRAM [TESTS]

PROGRAM minimises something convex on data it was built with; of others, name the TESTS. What is checked: shards of the parameter
server and rows read by the workers change no result; every wait gives up by name; a process that
dies ends the run with one line and leaves nobody behind; who may listen where.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""
TIMEOUT_SECONDS = 120
# Steps so small that the objective falls for hours.
FOREVER = ("--cluster=local", "--workers=2", "--update=sgd", "--step=1e-9",
           "--max_clocks=1000000000", "--tolerance=1e-300", "--model_out=")


def call(*args, **environment):
    return subprocess.run([PROGRAM, *args], stdin=subprocess.DEVNULL, capture_output=True,
                          env={**os.environ, **environment}, text=True, timeout=TIMEOUT_SECONDS)


def children(pid):
    """Live processes whose parent is `pid`."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, encoding="utf-8") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(name))
    return found


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def quality(report):
    """The number that runs are compared by."""
    value = report.get("objective")
    return report["metric"]["value"] if value is None else value


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def train(self, *args, **environment):
        outcome = call("run", "--report=" + self.path("r.json"), "--model_out=", *args,
                       **environment)
        self.assertEqual(outcome.returncode, 0, outcome)
        with open(self.path("r.json"), encoding="utf-8") as file:
            return json.load(file)

    def one_line(self, outcome, code, *words):
        self.assertEqual(outcome.returncode, code, outcome)
        lines = outcome.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, outcome)
        for word in words:
            self.assertIn(word, lines[0])


class Results(Case):
    def test_shards_reach_the_serial_result(self):
        serial = self.train("--workers=1")["objective"]
        for workers in (1, 2, 4):
            for shards in (1, 2, 3):
                report = self.train("--cluster=local", "--workers=%d" % workers,
                                    "--shards=%d" % shards, "--bridge=bsp")
                self.assertAlmostEqual(report["objective"], serial, delta=1e-6 * abs(serial),
                                       msg="%d workers, %d shards" % (workers, shards))

    def test_rows_read_by_workers_give_the_same_clocks(self):
        """Column statistics are merged over parts, so clock by clock nothing but rounding differs."""
        for standardize in ("auto", "none", "scale"):
            flags = ("--workers=3", "--bridge=bsp", "--max_clocks=20",
                     "--standardize=" + standardize)
            one = self.train("--cluster=inproc", *flags)
            many = self.train("--cluster=local", *flags)
            self.assertEqual(one["data"], many["data"])
            self.assertEqual(one["clocks"], many["clocks"])
            self.assertAlmostEqual(quality(one), quality(many), delta=1e-9 * abs(quality(one)))

    def test_staleness_is_bounded_and_reported(self):
        for shards in (1, 2):
            report = self.train("--cluster=local", "--workers=2", "--shards=%d" % shards,
                                "--update=sgd", "--bridge=ssp:2", "--max_clocks=200")
            self.assertLessEqual(report["staleness"]["max"], 2)
            self.assertGreater(sum(report["staleness"]["histogram"]), 0)

    def test_a_pace_changes_no_result(self):
        flags = ("--cluster=local", "--workers=2", "--bridge=bsp", "--max_clocks=30")
        plain = self.train(*flags)
        paced = self.train(*flags, GYRE_PACE="ms=2,slow=3,share=0.5")
        self.assertEqual(paced["clocks"], plain["clocks"])
        self.assertEqual(paced["objective"], plain["objective"])
        self.assertGreaterEqual(paced["seconds"]["train"], 0.002 * paced["clocks"])

    def test_a_pace_that_does_not_read_is_named(self):
        self.one_line(call("run", "--cluster=local", "--workers=2", "--report=", "--model_out=",
                           GYRE_PACE="ms=fast"), 2, "GYRE_PACE", "ms=fast")

    def test_shards_need_a_parameter_server(self):
        self.one_line(call("run", "--shards=2"), 2, "--shards", "--cluster=local")


class Waits(Case):
    def test_a_worker_gives_up_when_nobody_answers(self):
        start = time.monotonic()
        outcome = call("worker", "--coordinator=127.0.0.1:1", "--deadline=3")
        self.assertLess(time.monotonic() - start, 6)
        self.one_line(outcome, 1, "127.0.0.1:1", "3s")

    def test_a_worker_gives_up_when_the_coordinator_is_silent(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            address = "127.0.0.1:%d" % silent.getsockname()[1]
            start = time.monotonic()
            outcome = call("worker", "--coordinator=" + address, "--deadline=2")
            self.assertLess(time.monotonic() - start, 6)
            self.one_line(outcome, 1, address)

    def test_a_coordinator_gives_up_when_no_worker_comes(self):
        with open(self.path("c.textproto"), "w", encoding="utf-8") as file:
            file.write("processes: 2 workers: 2\n")
        start = time.monotonic()
        outcome = call("run", "--cluster=" + self.path("c.textproto"), "--deadline=2",
                       "--model_out=", "--report=", GYRE_TOKEN="secret")
        self.assertLess(time.monotonic() - start, 10)
        self.one_line(outcome, 1, "worker process 1 has not registered")


class Deaths(Case):
    flags = ()

    def start(self, *more):
        process = subprocess.Popen([PROGRAM, "run", *FOREVER, *self.flags, *(more or ["--report="])],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        self.assertTrue(wait_until(lambda: len(children(process.pid)) == 2, 30))
        time.sleep(1.5)  # well into training
        return process, children(process.pid)

    def test_a_killed_worker_ends_the_run(self):
        process, workers = self.start()
        os.kill(workers[1], signal.SIGKILL)
        start = time.monotonic()
        _, err = process.communicate(timeout=30)
        self.assertLess(time.monotonic() - start, 10)
        self.assertEqual(process.returncode, 1, err)
        self.assertEqual(len(err.strip().splitlines()), 1, err)
        self.assertIn("killed by signal 9", err)
        self.assertFalse(any(alive(worker) for worker in workers))

    def test_workers_do_not_outlive_their_coordinator(self):
        process, workers = self.start()
        process.kill()
        process.wait()
        self.assertTrue(wait_until(lambda: not any(alive(w) for w in workers), 10))

    def test_a_stopped_worker_is_named(self):
        process, workers = self.start("--report=", "--deadline=3")
        os.kill(workers[0], signal.SIGSTOP)
        start = time.monotonic()
        _, err = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(process.returncode, 1, err)
        self.assertEqual(len(err.strip().splitlines()), 1, err)
        self.assertIn("pid %d" % workers[0], err)
        self.assertFalse(any(alive(worker) for worker in workers))

    def test_a_worker_that_stops_for_a_while_is_waited_for(self):
        """Nothing is decided by who is late: the run goes on where it stood."""
        report = self.path("r.json")
        process, workers = self.start("--report=" + report, "--deadline=30", "--max_seconds=8")
        os.kill(workers[1], signal.SIGSTOP)
        time.sleep(3)
        os.kill(workers[1], signal.SIGCONT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        with open(report, encoding="utf-8") as file:
            made = json.load(file)
        self.assertEqual(made["stop_reason"], "seconds")
        self.assertGreaterEqual(made["trace"][-1]["seconds"], 8)  # long after it was stopped
        self.assertFalse(any(alive(worker) for worker in workers))


class DeathsAmongReplicas(Deaths):
    flags = ("--topology=p2p",)


class DeathsInARing(Deaths):
    flags = ("--topology=ring",)


class DeathsAtHaltonDistances(Deaths):
    flags = ("--topology=halton",)


class Doors(Case):
    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            self.one_line(call("run", "--cluster=local", "--listen=" + address, "--model_out=",
                               "--report="), 2, address, "in use")

    def test_beyond_loopback_needs_certificates_or_a_word(self):
        flags = ("run", "--cluster=local", "--workers=2", "--listen=0.0.0.0:0", "--max_clocks=3",
                 "--model_out=", "--report=")
        self.one_line(call(*flags), 2, "0.0.0.0", "--tls_cert", "--insecure")
        outcome = call(*flags, "--insecure")
        self.assertEqual(outcome.returncode, 0, outcome)

    def test_a_worker_beyond_loopback_too(self):
        self.one_line(call("worker", "--coordinator=192.0.2.1:5000", "--deadline=3"), 2,
                      "192.0.2.1", "--insecure")

    def test_half_a_certificate_is_none(self):
        self.one_line(call("run", "--cluster=local", "--tls_cert=x.pem", "--model_out=",
                           "--report="), 2, "--tls_key", "together")

    def test_certificates(self):
        if shutil.which("openssl") is None:
            self.skipTest("no openssl")
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
             self.path("key.pem"), "-out", self.path("cert.pem"), "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            capture_output=True, text=True, check=False)
        self.assertEqual(made.returncode, 0, made.stderr)
        for flag in ("--shards=2", "--topology=p2p"):
            outcome = call("run", "--cluster=local", "--workers=2", flag, "--max_clocks=3",
                           "--listen=127.0.0.1:0", "--tls_cert=" + self.path("cert.pem"),
                           "--tls_key=" + self.path("key.pem"), "--tls_ca=" + self.path("cert.pem"),
                           "--model_out=", "--report=")
            self.assertEqual(outcome.returncode, 0, outcome)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
