"""F7, F8: the network between a member and Kafka or the OLAP database."""

import time
from contextlib import contextmanager
from typing import Iterator

from cases import Context, fault
from cases.f_members import tasks_of
from proxy import Proxy
from trial import settings, trial
from wait import Failure, wait_until


@contextmanager
def through_proxies(ctx: Context, members: int = 2) -> Iterator[tuple[Proxy, Proxy]]:
    """All members reach Kafka and the OLAP database by way of a proxy each."""
    kafka_port = ctx.stack.ports["KAFKA_PORT"]
    with Proxy(kafka_port, kafka=True) as kafka, Proxy(ctx.system.olap.port) as olap:
        with settings(ctx.system, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{kafka.port}", OLAP_PORT=olap.port):
            ctx.system.start(*range(1, members + 1))
            yield kafka, olap


@fault("F7-commit-answer", "no batch twice, none lost: decided by the newest progress row", members=0, default=True)
def commit_answer(ctx: Context) -> str:
    """The connection breaks before the answer to COMMIT is read, at random."""
    wanted = ctx.times(15, 120)
    with through_proxies(ctx) as (_, olap), trial(ctx) as one:
        olap.eat_every = 7
        wait_until("answers are eaten", lambda: olap.eaten >= wanted, 60 + wanted, 0.05)
        olap.heal()
        one.healed(olap.eaten)
        one.more["found committed by the newest progress"] = ctx.system.total(
            "unknown_outcomes_total", settled="committed")
    if not one.more["found committed by the newest progress"]:
        raise Failure("no eaten answer was to a COMMIT of a batch")
    return one.remark()


def faults_of(ctx: Context, one: object, proxy: Proxy, hole_seconds: float) -> None:
    """Each kind once."""
    proxy.cut()
    one.healed()
    proxy.cut(refuse=True)
    time.sleep(3)
    proxy.heal()
    one.healed()
    proxy.delay_ms = 100
    time.sleep(3)
    one.healed(seconds=90)  # while it is slow
    proxy.delay_ms = 0
    one.healed(0)
    proxy.hole = True
    time.sleep(hole_seconds)
    proxy.heal()
    one.healed(seconds=90)


@fault("F8-olap", "retries; everything arrives once the network works", members=0)
def olap_network(ctx: Context) -> str:
    """Between member and OLAP database: cut, refused, slow (100 ms each way), half-open for 8 s and then reset."""
    with through_proxies(ctx) as (_, olap), trial(ctx) as one:
        for _ in range(ctx.times(1, 2)):
            faults_of(ctx, one, olap, 8)
    return one.remark()


@fault("F8-kafka", "retries; everything arrives once the network works", members=0)
def kafka_network(ctx: Context) -> str:
    """Between member and broker: cut, refused, slow (100 ms each way), half-open for 8 s and then reset."""
    with through_proxies(ctx) as (kafka, _), trial(ctx) as one:
        for _ in range(ctx.times(1, 2)):
            faults_of(ctx, one, kafka, 8)
    return one.remark()


@fault("F8-swallowed", "detected after 10 s of silence; continues on a new connection", members=0)
def swallowed(ctx: Context) -> str:
    """A member's connection to the OLAP database is acknowledged, but never answered; new connections work."""
    with Proxy(ctx.system.olap.port) as olap, settings(ctx.system, OLAP_PORT=olap.port):
        ctx.system.start(1)
        with trial(ctx) as one:
            for _ in range(ctx.times(1, 3)):
                olap.swallow()
                took = one.healed()
                if took > 20:
                    raise Failure(f"it took {took:.1f} s")
    return one.remark()


@fault("F8-one-member", "the others' tasks continue; its own wait until the network answers or breaks", members=0)
def one_member(ctx: Context) -> str:
    """Whatever one of two members sends to the OLAP database is acknowledged, but never answered."""
    system = ctx.system
    with Proxy(system.olap.port) as olap, settings(system):
        system.start(1)
        system.settings["SYNC_OLAP_PORT"] = str(olap.port)
        system.start(2)
        with trial(ctx) as one:
            offset = system.log_size()
            system.pass_sentinels()
            theirs = tasks_of(system, 1, offset)
            for _ in range(ctx.times(1, 2)):
                olap.hole = True
                end = time.monotonic() + 12
                while time.monotonic() < end:
                    system.pass_sentinels(theirs, seconds=5)
                olap.heal()
                one.healed()
    return one.remark()
