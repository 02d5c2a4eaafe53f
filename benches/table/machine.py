"""What the system says of processes: who listens, what they cost, what they hold."""

import os

TICK = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """The fields of /proc/PID/stat behind the name, which may hold anything; none if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return []


def family(root):
    """A process and all that come from it."""
    parents = {int(pid): int(fields[1]) for pid in os.listdir("/proc") if pid.isdigit() and (fields := stat(pid))}
    found, before = {root}, 0
    while len(found) > before:
        before = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found


def cpu_s(root):
    """CPU seconds that a process and its children have used so far."""
    return sum((int(fields[11]) + int(fields[12])) / TICK for pid in family(root) if (fields := stat(pid)))


def memory_kib(root):
    """Memory of a process and its children, what they share counted once."""
    total = 0
    for pid in family(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            pass
    return total


def description():
    """The machine, in one line."""
    with open("/proc/cpuinfo") as file:
        models = {line.split(":", 1)[1].strip() for line in file if line.startswith("model name")}
    system = os.uname()
    return f"{os.cpu_count()} cores of {', '.join(sorted(models)) or system.machine}, {system.sysname} {system.release}"
