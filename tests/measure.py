"""What tests measure in a fresh process."""

import subprocess
import sys

LINUX = sys.platform.startswith("linux")


def peak_growth(setup: str, *calls: str) -> list[int]:
    """Bytes by which each call lets the peak memory grow, after `setup`. A used process would have memory at hand.

    From /proc/self/status: the peak that getrusage states is inherited from the process that starts this one.
    """
    code = f"""
def now():
    return [1024 * int(line.split()[1]) for line in open("/proc/self/status") if line[:6] in ("VmHWM:", "VmRSS:")]
def grows(f):
    open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
    before = now()[1]
    f()
    return now()[0] - before
{setup}
for f in ({"".join(f"lambda: {call}, " for call in calls)}):
    print(grows(f))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]
