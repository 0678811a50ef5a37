"""What the machines show in system-health."""

from __future__ import annotations

from observatory.areas.definition import View

VIEW = View(
    numbers={
        "queue_depth": "queue_depth",
        "queue_oldest_age_s": "queue_oldest_age",
        "pool_used_ratio": "pool_used",
        "pool_waiting": "pool_waiting",
        "redis_memory_used_ratio": "redis_memory_used",
        "redis_evictions_5m": "redis_evictions",
        "memory_used_ratio": "memory_used",
        "process_memory_max_bytes": "process_memory_bytes",
        "process_cpu_used": "process_cpu",
    }
)
