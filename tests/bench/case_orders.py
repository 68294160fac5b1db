"""The view of schemas/examples/orders: (i) catch-up, (j) a product that all lines have, (k) from commit to visible over
five tables, (l) changes of lookup rows that nobody refers to."""

import re
import time

import case_latency
from case_latency import Client, connect, disconnect, figures_of
from environment import Env, Topics
from orders import CHECKSUM, ORDERS, OrderHistory, OrderOurs, OrderRecords, OrderTruth
from runner import Bench, arrival_figures, must_be_right, rate_of, until_right
from stack import PARTITIONS
from usage import Usage
from wait import Failure, wait_until

FIRST_ID = case_latency.FIRST_ID
BUSY_SECONDS = 20
LOOKUP_RATE = 2_000
LOOKUP_SECONDS = 15
SPARE = 1_000  # customers without orders


def all_of(bench: Bench, **values: int) -> OrderRecords:
    orders = bench.size(250_000, 5_000)
    return OrderRecords(orders=orders, customers=max(8, orders // 5), products=max(8, orders // 25), **values)


def order_topics(bench: Bench) -> Topics:
    return bench.servers.topics("routed", ORDERS, OrderHistory())


def loaded(bench: Bench, topics: Topics, rows: OrderRecords) -> tuple[OrderOurs, Env]:
    """A member whose table and cache hold all rows."""
    subject = OrderOurs()
    env = bench.prepared(subject, topics)
    try:
        bench.servers.write(topics, rows)
        subject.start(1)
        must_be_right(until_right(env, bench.servers.truth(topics.history), subject, bench.args.patience),
                      "the initial load")
        subject.wait_ready(60, 1)
    except BaseException:
        subject.stop()
        raise
    return subject, env


# ---- (i)


def catch_up(bench: Bench) -> None:
    """As case (a): all records lie there; from the start of the process until the table is right."""
    topics = order_topics(bench)
    try:
        bench.servers.write(topics, all_of(bench))
        if not bench.smoke:
            one_catch_up(bench, topics, 0)  # not measured, see warm_up of case (a)
        for run in bench.runs():
            one_catch_up(bench, topics, run)
    finally:
        bench.servers.remove_topics(topics)


def one_catch_up(bench: Bench, topics: Topics, run: int) -> None:
    servers, subject = bench.servers, OrderOurs()
    env = bench.prepared(subject, topics)
    try:
        truth = servers.truth(topics.history)
        servers.rest_of_writing()
        with Usage(subject.pids, from_start=True) as usage:
            start = time.monotonic()
            subject.start(1)
            arrival = until_right(env, truth, subject, bench.args.patience)
        figures = arrival_figures(arrival, start, topics.records, usage)
        figures["ready_s"] = round(subject.wait_ready(30, 1) - start, 3)
        subject.end_members()
        figures["state_mb"] = round(sum(file.stat().st_blocks * 512 for file in subject.tenant.state_dir.rglob("*")
                                        if file.is_file()) / 1e6, 1)
        if run:
            bench.record("i", "five tables", subject, run, **figures)
    finally:
        subject.stop()
        servers.remove_env(env)


# ---- (j)


def one_product(bench: Bench) -> None:
    """All lines are of one product and of orders in one partition; its price changes, while others change in the other
    partitions."""
    orders = bench.size(250_000, 5_000)
    rows = OrderRecords(orders=orders, customers=max(8, orders // 5), products=8, hot=1, stride=PARTITIONS)
    for run in bench.runs():
        topics = order_topics(bench)
        subject, env = loaded(bench, topics, rows)
        try:
            connect(subject, env)
            client = prepared_client(bench, env, orders=1_000)
            time.sleep(2)  # the member is at rest: its cache commits after a second
            renamed(bench, run, subject, env, topics, client, rows.changes_only(prices=1, version=1 + run))
        finally:
            subject.stop()
            disconnect(env, subject.reads)
            bench.servers.remove_env(env)
            bench.servers.remove_topics(topics)


def renamed(bench: Bench, run: int, subject: OrderOurs, env: Env, topics: Topics, client: Client,
            change: OrderRecords) -> None:
    servers = bench.servers
    truth = servers.truth(topics.history + change)
    generated = f"order_id < {BASE_ID}"
    servers.rest_of_writing()
    process = client.begin(200, 3 if bench.smoke else BUSY_SECONDS, 2)
    wait_until("the client's first rows", lambda: env.olap.run(
        f"SELECT 1 FROM order_line WHERE order_id >= {FIRST_ID} LIMIT 1"), 20, 0.01)
    with Usage(subject.pids, from_start=False) as usage:
        began = servers.write(topics, change)["first"]
        wait_until("the new price is in every row", lambda: env.olap.run(truth.look_up, *(
            list(column) for column in zip(*truth.last)))[0][0] == len(truth.last), bench.args.patience, 0.02)
        done = time.monotonic()
    samples = [sample for sample in client.end(process) if sample.contact % PARTITIONS != 0]
    meanwhile = [sample for sample in samples if began <= sample.committed <= done]
    right = env.olap.run(CHECKSUM.format(f"SELECT * FROM order_line WHERE {generated}"))[0] == (truth.count, truth.checksum)
    figures = figures_of(meanwhile) if meanwhile else {"contacts": 0}
    bench.record("j", f"{truth.count:,} lines of one product", subject, run,
                 right=right and figures.get("lost", 1) == 0, seconds=round(done - began, 3), rows=truth.count,
                 rows_per_s=rate_of(truth.count, done - began),
                 cpu_s_per_million_rows=round(usage.cpu * 1e6 / truth.count, 2), **figures, **usage.figures(),
                 rss_anon_growth_mb=round(usage.rss_anon_mb - usage.first_rss_anon_mb, 1))


# ---- (k)

TRIGGER = f"""
CREATE FUNCTION tell_latency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('latency', NEW.order_id::text);
  RETURN NULL;
END $$;
CREATE TRIGGER tell_latency AFTER INSERT OR UPDATE ON order_line FOR EACH ROW
  WHEN (NEW.order_id >= {FIRST_ID}) EXECUTE FUNCTION tell_latency();
ALTER TABLE order_line ENABLE ALWAYS TRIGGER tell_latency;
"""
# An order, and beside it, by turns: a new customer, a new product, a new price, a new name; now and then a country's title.
CHANGE = """
CREATE FUNCTION change(id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  a_customer bigint := {base} + 1 + id % {customers};
  a_product bigint := {base} + 1 + id % {products};
BEGIN
  IF id % 4 = 0 THEN
    INSERT INTO customers (customer_id, name, country_code) VALUES (id, 'latency', 'ZA');
    a_customer := id;
  ELSIF id % 4 = 1 THEN
    INSERT INTO products (product_id, title, price) VALUES (id, 'latency', 1);
  ELSIF id % 4 = 2 THEN
    UPDATE products SET price = price + 1 WHERE product_id = a_product;
  ELSE
    UPDATE customers SET name = 'latency ' || id WHERE customer_id = a_customer;
  END IF;
  IF id % 64 = 3 THEN
    UPDATE countries SET title = 'latency ' || id WHERE code = 'ZA';
  END IF;
  INSERT INTO orders (order_id, customer_id, status, placed_at) VALUES (id, a_customer, 'placed', now());
END $$;
"""
LINE = ("INSERT INTO order_items (order_id, line_no, product_id, quantity) VALUES ($1::bigint, 1, "
        "CASE WHEN $1::bigint % 4 = 1 THEN $1::bigint ELSE {base} + 1 + $1::bigint % {products} END, 1)")
CHANGES_A_PAIR = 3 + 1 / 64
BASE_ID = FIRST_ID // 4  # of rows that are there first; generated ones have smaller ids, the client's larger ones


def base_rows(customers: int, products: int, orders: int) -> list[str]:
    """Countries of their own: Z and a letter."""
    return [f"INSERT INTO countries SELECT 'Z' || chr(64 + g), 'country ' || g FROM generate_series(1, 20) g",
            f"INSERT INTO customers SELECT {BASE_ID} + g, 'base ' || g, 'Z' || chr(65 + g % 20) "
            f"FROM generate_series(1, {customers}) g",
            f"INSERT INTO products SELECT {BASE_ID} + g, 'base ' || g, g % 100 FROM generate_series(1, {products}) g",
            f"INSERT INTO orders SELECT {BASE_ID} + g, {BASE_ID} + 1 + g % {customers}, 'placed', now() "
            f"FROM generate_series(1, {orders}) g",
            f"INSERT INTO order_items SELECT {BASE_ID} + g, line, {BASE_ID} + 1 + (g * 3 + line) % {products}, line "
            f"FROM generate_series(1, {orders}) g, generate_series(1, 3) line"]


def prepared_client(bench: Bench, env: Env, orders: int) -> Client:
    """Base rows in the OLTP database, and a client that changes all five tables."""
    customers, products = orders // 2, orders // 10
    env.oltp.transaction(*base_rows(customers, products, orders),
                         CHANGE.format(base=BASE_ID, customers=customers, products=products))
    env.olap.transaction(TRIGGER)
    wait_until("the base rows arrive", lambda: env.olap.run(
        f"SELECT count(*) FROM order_line WHERE order_id > {BASE_ID}")[0][0] == 3 * orders, bench.args.patience, 0.1)
    return Client(bench, env, f"{env.prefix}.public.order_items", "SELECT change($1::bigint)",
                  LINE.format(base=BASE_ID, products=products), "order_id")


def latency(bench: Bench) -> None:
    for run in bench.runs():
        topics = order_topics(bench)
        subject = OrderOurs()
        env = bench.prepared(subject, topics)
        try:
            connect(subject, env)
            subject.start_live(env)
            client = prepared_client(bench, env, orders=20_000)
            statements = 2 / CHANGES_A_PAIR  # of the client, for one change
            client.run(200 * statements, 4, 2)
            if not bench.smoke:
                client.run(2_000 * statements, 6, 8)
            with Usage(subject.pids, from_start=False) as usage:
                figures = figures_of(client.run(200 * statements, 3 if bench.smoke else 15, 2))
            right = wait_equal(env, 60)
            bench.record("k", "200 changes a second over five tables", subject, run,
                         right=right and figures["lost"] == 0, **figures, **usage.figures())
        finally:
            subject.stop()
            disconnect(env, subject.reads)
            bench.servers.remove_env(env)
            bench.servers.remove_topics(topics)


def wait_equal(env: Env, seconds: float) -> bool:
    query = re.sub(r"--[^\n]*|CREATE MATERIALIZED VIEW \w+ AS|;", "", (ORDERS.schemas / ORDERS.view_file).read_text())

    def equal() -> bool:
        return env.oltp.run(CHECKSUM.format(query)) == env.olap.run(OrderTruth.of_table)
    try:
        return wait_until("the table equals the view", equal, seconds, 0.5)
    except Failure:
        return False


# ---- (l)


def lookups(bench: Bench) -> None:
    """New names of customers without orders, at a steady rate, while nothing else happens."""
    rows = all_of(bench, spare=SPARE)
    seconds = 3 if bench.smoke else LOOKUP_SECONDS
    topics = order_topics(bench)
    subject, env = loaded(bench, topics, rows)
    try:
        for run in bench.runs():
            time.sleep(2)  # the cache commits after a second of rest
            changes = rows.changes_only(customer_updates=seconds * LOOKUP_RATE, rate=LOOKUP_RATE, version=1 + run)
            bench.servers.rest_of_writing()
            before = transactions(subject)
            with Usage(subject.pids, from_start=False) as usage:
                written = bench.servers.write(topics, changes)
                taken = written["last"] - written["first"]
                wait_until("every task has passed them", lambda: lookup_offset(env) == expected(topics), 30)
            arrival = until_right(env, bench.servers.truth(topics.history), subject, 60)
            bench.record("l", f"{LOOKUP_RATE:,} changes a second that no row refers to", subject, run,
                         right=arrival.right is not None, problem=arrival.problem, records=written["records"],
                         records_per_s=rate_of(written["records"], taken),
                         cpu_percent=round(100 * usage.cpu / taken, 2),
                         transactions_per_s=round((transactions(subject) - before) / taken, 1), **usage.figures())
    finally:
        subject.stop()
        bench.servers.remove_env(env)
        bench.servers.remove_topics(topics)


def transactions(subject: OrderOurs) -> float:
    return subject.tenant.total("transactions_total", outcome="committed")


def expected(topics: Topics) -> int:
    """Where every task must stand in the topic of customers."""
    first = topics.history.runs[0]
    return first.customers + first.spare + sum(run.customer_updates for run in topics.history.runs)


def lookup_offset(env: Env) -> int:
    """The least of all tasks, of the topic of customers: behind order_items and orders, in the order of FROM."""
    return env.olap.run("SELECT min(o) FROM (SELECT DISTINCT ON (task) offsets[3] AS o FROM sync_progress "
                        "ORDER BY task, seq DESC) x")[0][0]
