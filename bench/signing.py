"""Signing many certificates through `Signer.sign_many`, beside a raw client of the same server.

Both make a key and a request for each certificate, have it signed by a pinned issuer over a pool
that is opened for the batch, and parse the answer; checked, both also compare it with its order and
validate its path. Clients and server share this machine: a rate depends on what else runs here, a
ratio of neighbouring batches less, and a client's own CPU least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time

from bench.figures import ratios, spread
from bench.issuing import Issuing
from bench.world import ENVIRONMENT, new_world, openbao
from trustwright.vault.bulk import CONCURRENCY

ROUNDS = 6
BATCH = 250
RAW, BULK = "raw client", "sign_many"
CHECKED = ", checked"
QUOTIENTS = ((BULK, RAW), (BULK + CHECKED, RAW + CHECKED), (BULK + CHECKED, RAW))

Side = Callable[[int], object]


@dataclass(frozen=True)
class Sample:
    """One batch: certificates a second, and microseconds of this process's CPU for each."""

    rate: float
    cpu: float


def sides(issuing: Issuing) -> dict[str, Side]:
    """Return what is compared, in the order of measuring."""
    return {
        RAW: issuing.by_raw_client,
        BULK: issuing.by_sign_many,
        RAW + CHECKED: lambda amount: issuing.check(issuing.by_raw_client(amount)),
        BULK + CHECKED: lambda amount: issuing.check(issuing.by_sign_many(amount)),
    }


def measured(side: Side) -> Sample:
    """Have one side sign a batch."""
    wall, cpu = perf_counter(), process_time()
    side(BATCH)
    cpu, wall = process_time() - cpu, perf_counter() - wall
    return Sample(BATCH / wall, cpu / BATCH * 1e6)


def interleaved(compared: dict[str, Side]) -> dict[str, list[Sample]]:
    """Measure the sides in turn, every second round backwards, after one round that is not kept."""
    found: dict[str, list[Sample]] = {name: [] for name in compared}
    for number in range(-1, ROUNDS):
        for name in sorted(compared, key=list(compared).index, reverse=bool(number % 2)):
            sample = measured(compared[name])
            if number >= 0:
                found[name].append(sample)
    return found


def report() -> None:
    """Print rates and CPU of all sides, and the ratios of batches of the same round."""
    with openbao() as server:
        world = new_world(server, "signing")
        world.bootstrap(ENVIRONMENT)
        found = interleaved(sides(Issuing(world)))
    print(
        f"signing, {ROUNDS} rounds of {BATCH} P-256 certificates, {CONCURRENCY} calls under way,"
        " median (lowest-highest)\n  OpenBao in memory, stored, audited, TLS"
    )
    for name, samples in found.items():
        rate = spread([sample.rate for sample in samples])
        cpu = spread([sample.cpu for sample in samples])
        print(f"  {name:21} {rate:>22} certificates/s {cpu:>22} µs CPU each")
    print_ratios(found)


def print_ratios(found: dict[str, list[Sample]]) -> None:
    """Print how the sides stand to each other."""
    for above, below in QUOTIENTS:
        pairs = (found[above], found[below])
        rate = spread(ratios(*([sample.rate for sample in side] for side in pairs)), 2)
        cpu = spread(ratios(*([sample.cpu for sample in side] for side in pairs)), 2)
        print(f"  {above} / {below}: rate {rate}, CPU {cpu}")
