"""Lines of logs put into groups: how many are in the right one, and what a line costs. `python -m benchmarks.patterns`.

A line is right when its group holds all lines of its template and no other (grouping accuracy). `--bare`: without the
heads (time, host, program, level) that stand before what is said. With drain3 installed
(it is no dependency) it is measured beside ours, as it comes and with masks for numbers, addresses and hexadecimals.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parent.parent))

from patterns.lines import made, sets

from observatory.analytics.patterns import Grouper

Add = Callable[[str], int]
_LINES = 2_000
_BEGIN, _END = r"((?<=[^A-Za-z0-9])|^)", r"((?=[^A-Za-z0-9])|$)"


def ours() -> Add:
    return Grouper().add


def drain(masked: bool) -> Callable[[], Add] | None:
    try:
        miners = import_module("drain3")
        masks, configs = import_module("drain3.masking"), import_module("drain3.template_miner_config")
    except ImportError:
        return None

    def fresh() -> Add:
        config = configs.TemplateMinerConfig()
        config.drain_sim_th = 0.4
        if masked:
            config.masking_instructions = [
                masks.MaskingInstruction(rf"{_BEGIN}(\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}){_END}", "IP"),
                masks.MaskingInstruction(rf"{_BEGIN}(0x[a-f0-9A-F]+){_END}", "HEX"),
                masks.MaskingInstruction(rf"{_BEGIN}([\-\+]?\d+){_END}", "NUM"),
            ]
        miner = miners.TemplateMiner(config=config)
        return lambda line: int(miner.add_log_message(line)["cluster_id"])

    return fresh


def accuracy(truth: Sequence[int], groups: Sequence[int]) -> float:
    """The share of lines whose group is exactly their template's lines."""
    both, whole, held = Counter(zip(truth, groups, strict=True)), Counter(truth), Counter(groups)
    right = sum(count for (template, group), count in both.items() if count == whole[template] == held[group])
    return right / len(truth)


def measured(fresh: Callable[[], Add], lines: Sequence[tuple[int, str]]) -> tuple[float, float]:
    """Accuracy, and microseconds for a line."""
    add = fresh()
    began = time.perf_counter()
    groups = [add(text) for _, text in lines]
    took_s = time.perf_counter() - began
    return accuracy([template for template, _ in lines], groups), took_s / len(lines) * 1e6


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--part", default="held", choices=["develop", "held"])
    options.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    options.add_argument("--bare", action="store_true")
    asked = options.parse_args()
    tried = {"ours": ours, "drain3": drain(False), "drain3, masked": drain(True)}
    methods = {name: found for name, found in tried.items() if found is not None}
    print("| lines of | " + " | ".join(methods) + " |\n|---|" + "---|" * len(methods))
    every: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    for name, templates in sets(asked.part).items():
        row = []
        texts = {**templates, "head": ""} if asked.bare and name != "broker" else templates
        for method, fresh in methods.items():
            results = [measured(fresh, made(texts, seed, _LINES)) for seed in asked.seeds]
            every[method] += results
            row.append(f"{mean(right for right, _ in results):.3f}")
        print(f"| {name} | " + " | ".join(row) + " |")
    print("| **mean** | " + " | ".join(f"{mean(right for right, _ in each):.3f}" for each in every.values()) + " |")
    print("| µs a line | " + " | ".join(f"{mean(cost for _, cost in each):.0f}" for each in every.values()) + " |")


if __name__ == "__main__":
    main()
