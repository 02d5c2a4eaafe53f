"""Alternating rounds, and ratios of what was measured side by side.

A machine drifts; nginx alone went from 71,000 to 128,000 requests per second within an hour on ours. So each round
measures everybody one after the other, figures are compared within a round, and the median of these ratios counts.
"""

from dataclasses import dataclass
from statistics import median


@dataclass
class Bar:
    """What is wanted of us: a figure, at least or at most so many times that of others (the best of them), or, without
    others, so much."""

    figure: str
    beside: tuple = ()
    at_least: float | None = None
    at_most: float | None = None

    def judge(self, samples):
        """A line for people and whether the bar is kept; None if nobody is there to compare with."""
        present = [name for name in self.beside if name in samples]
        if self.beside and not present:
            return f"{self.figure}: none of {', '.join(self.beside)} is installed", None
        ours = [sample[self.figure] for sample in samples["sockets"]]
        pick = max if self.at_least is not None else min
        best = pick(present, key=lambda name: median(s[self.figure] for s in samples[name])) if present else None
        theirs = [sample[self.figure] for sample in samples[best]] if best else [1.0] * len(ours)
        ratios = [a / b for a, b in zip(ours, theirs) if b]
        value = median(ratios) if ratios else float("nan")
        kept = value >= self.at_least if self.at_least is not None else value <= self.at_most
        wanted = f"at least {self.at_least}" if self.at_least is not None else f"at most {self.at_most}"
        spread = f"{min(ratios, default=value):.2f} to {max(ratios, default=value):.2f}"
        of = f" x {best}" if best else ""
        return f"{self.figure}: {value:.2f}{of} ({spread}), bar {wanted}: {'kept' if kept else 'MISSED'}", kept


def race(measures, rounds):
    """`rounds` samples of each of `measures` (a function by name), in turn."""
    samples = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            samples[name].append(measure())
    return samples


def table(samples):
    """The medians, as a table for people."""
    figures = list(next(iter(samples.values()))[0])
    width = max(len(name) for name in samples)
    lines = [" " * width + "".join(f"{figure:>22}" for figure in figures)]
    for name, rounds in samples.items():
        values = (median(sample[figure] for sample in rounds) for figure in figures)
        lines.append(f"{name:{width}}" + "".join(f"{value:>22.2f}" for value in values))
    return "\n".join(lines)
