"""Counts the tests of one `bazel test` and ends with "N passed, N failed".

    count.py EVENTS STATUS

EVENTS is what --build_event_json_file wrote, STATUS the exit status of bazel. Exits with 0 only when
everything was built, ran and passed.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def read_events(path):
    """The events; a line cut short by a crash ends them."""
    events = []
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                events.append(json.loads(line))
    except (OSError, ValueError):
        pass
    return events


def cases(xml_path):
    """(passed, failed) of one test.xml, or None where it cannot be read."""
    try:
        root = ElementTree.parse(xml_path).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    passed = failed = 0
    for case in root.iter("testcase"):
        if case.find("skipped") is not None or case.get("status") == "notrun":
            continue
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        else:
            passed += 1
    return passed, failed


def xml_of(result):
    for output in result.get("testActionOutput", []):
        if output.get("name") == "test.xml" and output.get("uri", "").startswith("file://"):
            return urllib.parse.unquote(output["uri"][len("file://"):])
    return None


def main():
    events = read_events(sys.argv[1])
    status = int(sys.argv[2])
    results = {}  # (target, run, shard) -> its last attempt
    expected = set()
    failures = []
    for event in events:
        key = event.get("id", {})
        if "targetConfigured" in key:
            if event.get("configured", {}).get("testSize"):
                expected.add(key["targetConfigured"]["label"])
        if "testResult" in key and "testResult" in event:
            at = key["testResult"]
            result = event["testResult"]
            if result.get("status") != "NO_STATUS":
                results[at["label"], at.get("run"), at.get("shard")] = result
        if "targetCompleted" in key and not event.get("completed", {}).get("success"):
            failures.append(key["targetCompleted"]["label"])

    passed = failed = 0
    ran = set()
    for (label, _, _), result in sorted(results.items(), key=lambda item: str(item[0])):
        ran.add(label)
        good = result.get("status") == "PASSED"
        counted = cases(xml_of(result)) or (0, 0)
        passed += counted[0]
        failed += counted[1]
        if not good:
            print("failed: %s (%s)" % (label, result.get("status")))
            failed += counted[1] == 0  # a crash or a timeout, with no case to blame
        elif sum(counted) == 0:
            passed += 1
    for label in sorted((expected | set(failures)) - ran):
        if label in failures or status != 0:
            print("failed: %s (not built or not run)" % label)
            failed += 1
    if status != 0 and failed == 0:
        print("failed: bazel ended with status %d" % status)
        failed = 1
    print("%d passed, %d failed" % (passed, failed))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
