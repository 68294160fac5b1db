"""F10, F11, F13, F15 of topics that every task reads: lookup tables of the order view."""

import json

import kafka
from cases import Context
from cases.f_topics import COMPACT_SOON
from cases.poison import envelope, letters, progress
from stack import PARTITIONS
from system import SENTINEL
from trial import Trial, settings, trial
from viewtenant import ViewTenant
from wait import Failure, wait_until

SPARED = 100_000  # ids that the random changes leave alone
LOOKUPS = ("customers", "countries", "products")


def topic_of(system: ViewTenant, table: str) -> str:
    return f"{system.name}.public.{table}"


def spared_rows(system: ViewTenant) -> None:
    """An order of each task with two lines, all of one customer and one product."""
    system.oltp.transaction(
        "INSERT INTO countries VALUES ('XX', 'spared') ON CONFLICT DO NOTHING",
        f"INSERT INTO customers VALUES ({SPARED}, 'spared', 'XX')", f"INSERT INTO products VALUES ({SPARED}, 'spared', 2)",
        f"INSERT INTO orders SELECT {SPARED} + g, {SPARED}, 'placed', '2026-01-01Z' FROM generate_series(0, {PARTITIONS - 1}) g",
        f"INSERT INTO order_items SELECT {SPARED} + g, line, {SPARED}, line FROM generate_series(0, {PARTITIONS - 1}) g, "
        "generate_series(1, 2) line")


# ---- F13 ---------------------------------------------------------------------------------------------------------


def poison_records() -> list[tuple[str, str, str]]:
    """Table, key and value: versions of the spared rows that can't be read, or not be stored."""
    product, customer = f'{{"product_id":{SPARED}}}', f'{{"customer_id":{SPARED}}}'

    def row(name: str) -> str:
        return envelope("c", None, {"customer_id": SPARED, "name": "NAME", "country_code": "XX"}).replace("NAME", name)
    return [
        ("products", product, '{"before":null,"after":{"product_id":'),
        ("products", product, "[" * 5000),
        ("products", product, envelope("c", None, {"product_id": SPARED, "title": "t", "price": "99999999999.99"})),
        ("products", product, '"' + "x" * 900_000 + '"'),
        ("customers", customer, row("\\u0000")),
        ("customers", customer, row("\\udfff")),
        ("countries", '{"code":"XX"}', "true")]


def poison(ctx: Context) -> str:
    """Unreadable records of lookup tables, under load: each task puts them aside for itself, and rows that refer to them
    keep the version before, over a lost cache, too."""
    system = ctx.system
    assert isinstance(system, ViewTenant)
    with settings(system, DEAD_LETTER_MAX=1000):
        system.start(1)
        spared_rows(system)
        with trial(ctx, dead_letters=True) as one:
            for turn in range(1, ctx.times(1, 5) + 1):
                wanted = turn * len(poison_records()) * PARTITIONS
                for table in LOOKUPS:
                    kafka.produce(ctx.stack, topic_of(system, table),
                                  [(key, value) for of, key, value in poison_records() if of == table])
                wait_until("each poison record is a dead letter of each task", lambda: len(letters(system)) == wanted, 30,
                           0.05, lambda: f"{len(letters(system))} of {wanted}")
                one.healed(len(poison_records()))
                system.members.pop(1).kill()
                system.drop_caches()
                system.start(1, ready=False)
                one.healed(0)  # the rebuild meets them again
                if len(letters(system)) != wanted:
                    raise Failure(f"{len(letters(system))} dead letters after a rebuild, {wanted} before")
    return one.remark()


# ---- F10 ---------------------------------------------------------------------------------------------------------


def duplicates(ctx: Context) -> str:
    """The newer half of the records of every topic is sent again repeatedly: rows may show older versions meanwhile."""
    system = ctx.system
    assert isinstance(system, ViewTenant)
    with settings(system):
        system.start(1, 2)
        with ctx.load(rate=100_000, changes=ctx.times(1500, 6000)) as load:
            load.finish()
        system.settle("the changes")
        logs = kafka.logs_of(ctx.stack, {topic_of(system, table.name): PARTITIONS if table.placed else 1
                                         for table in system.declared.tables})
        stretches = {topic: newer_half(log) for topic, log in logs.items()}
        with system.sampler(load) as sampler:
            one = Trial(ctx, load, sampler)
            for _ in range(ctx.times(2, 6)):
                for topic, records in stretches.items():
                    kafka.produce(ctx.stack, topic, records)
                one.healed()
        system.settle("the duplicates")
        one.more["records sent again"] = one.faults * sum(map(len, stretches.values()))
        ctx.measured.append(one.measured())
    return one.remark()


def newer_half(log: dict[int, kafka.Log]) -> list[tuple[str, str]]:
    """Of each partition's records that the producer puts there; without the sentinels', which change meanwhile."""
    found = []
    for partition, records in log.items():
        good = [(key, value) for _, key, value in records if not is_sentinel(key)
                and (len(log) == 1 or kafka.key_partition(key) == partition)]
        found += good[len(good) // 2:]
    if len(found) < 10:
        raise Failure(f"only {len(found)} records to send again")
    return found


def is_sentinel(key: str) -> bool:
    return any(value == "~~" or isinstance(value, int) and value >= SENTINEL for value in json.loads(key).values())


# ---- F11 ---------------------------------------------------------------------------------------------------------


def compacted(ctx: Context) -> str:
    """The lookup topics are compacted past the members' offsets while they are down; then they start, with and without
    caches."""
    system = ctx.system
    assert isinstance(system, ViewTenant)
    kafka.configure(ctx.stack, "brokers", None, "log.cleaner.backoff.ms=200")
    try:
        with settings(system, TOPIC_MIN_COMPACTION_LAG_MS=2000):
            system.start(1)
            with trial(ctx) as one:
                for table in LOOKUPS:
                    kafka.configure(ctx.stack, "topics", topic_of(system, table), COMPACT_SOON)
                for turn in range(ctx.times(2, 6)):
                    system.only(0)
                    relations = [table.name for table in system.declared.tables]
                    stands = {table: max(offsets[relations.index(table)] for _, offsets in progress(system))
                              for table in LOOKUPS}
                    cleaned = {table: lambda of=table: kafka.cleaned(ctx.stack, topic_of(system, of)) for table in LOOKUPS}
                    wait_until("the lookup topics are compacted past the members", lambda: all(
                        read().get(0, 0) > stands[table] for table, read in cleaned.items()), 60, 0.2,
                        lambda: f"{stands} {[read() for read in cleaned.values()]}")
                    if turn % 2 == 0:
                        system.drop_caches()
                    system.start(1, ready=False)
                    one.healed()
    finally:
        kafka.configure(ctx.stack, "brokers", None, "log.cleaner.backoff.ms=15000")
    return one.remark()


# ---- F15 ---------------------------------------------------------------------------------------------------------


def records_deleted(ctx: Context) -> str:
    """Records of a lookup topic are deleted past the offset from which the tasks would continue: all of them halt."""
    system = ctx.system
    assert isinstance(system, ViewTenant)
    topic = topic_of(system, "products")
    system.only(0)
    with ctx.load(rate=100_000, changes=1500) as load:
        load.finish()
    stands = progress(system)
    place = [table.name for table in system.declared.tables].index("products")
    stop = max(offsets[place] for _, offsets in stands)
    wait_until("the changes are in the topic", lambda: len(kafka.records_of(ctx.stack, topic)) > stop + 10, 30, 0.1)
    kafka.configure(ctx.stack, "topics", topic, "cleanup.policy=[compact,delete]")  # else Kafka refuses it
    kafka.delete_records(ctx.stack, topic, 0, stop + 5)
    kafka.configure(ctx.stack, "topics", topic, "cleanup.policy=compact")
    system.start(1, ready=False)
    for task in range(PARTITIONS):
        system.wait_halted(task, r"outside the log")
    if progress(system) != stands:
        raise Failure("a halted task has moved its offsets")
    return f"{PARTITIONS} tasks halted"
