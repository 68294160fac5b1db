/* How fast the sink writes, against a real server. Built on request only:
 *
 *     ninja -C BUILD bench_sink && tests/integration/run.sh BUILD --exec BUILD/bench_sink
 *
 * FSYNC=on in the environment for a server that waits for its disk.
 */
#include "support.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS   200000
#define BATCH  2000
#define SINGLE 5000

static int64_t now_us(void) {
    struct clock clock = clock_real();
    return clock.mono_us(clock.ctx);
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void step(struct txn_part *part) {
    part->before = part->after;
    part->after.seq++;
    part->after.offsets[0]++;
    txn_part_reset(part);
}

static void commit_or_exit(struct sink *sink, struct txn_part *part, uint64_t rows) {
    struct sink_event event = sink_commit(sink, part);
    if (event.kind != SINK_COMMITTED || event.upserted_count != rows) {
        (void)fprintf(stderr, "event %d, %lu rows: %s\n", (int)event.kind,
                      (unsigned long)event.upserted_count, event.err.message);
        exit(1);
    }
}

static void bench_batches(struct sink *sink, struct txn_part *part, const char *name) {
    int64_t start = now_us(), encode_us = 0;
    for (int from = 0; from < ROWS; from += BATCH) {
        int64_t t = now_us();
        step(part);
        for (int i = from; i < from + BATCH; i++) {
            part_upsert(part, i / 10, i, name, "0123456789");
        }
        encode_us += now_us() - t;
        commit_or_exit(sink, part, BATCH);
    }
    double seconds = (double)(now_us() - start) / 1e6;
    (void)printf("%d rows in transactions of %d (%s): %.0f rows/s, of which %.0f ms to fill\n",
                 ROWS, BATCH, name, ROWS / seconds, (double)encode_us / 1e3);
}

static void bench_single(struct sink *sink, struct txn_part *part) {
    static int64_t us[SINGLE];
    for (int i = 0; i < SINGLE; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        step(part);
        part_upsert(part, i * 39 % ROWS / 10, i * 39 % ROWS, name, "1");
        int64_t start = now_us();
        commit_or_exit(sink, part, 1);
        us[i] = now_us() - start;
    }
    qsort(us, SINGLE, sizeof us[0], compare);
    (void)printf("single-row commit: median %ld us, 99 %% %ld us, worst %ld us\n",
                 (long)us[SINGLE / 2], (long)us[SINGLE * 99 / 100], (long)us[SINGLE - 1]);
}

static void bench_deletes(struct sink *sink, struct txn_part *part) {
    int64_t start = now_us();
    for (int from = 0; from < ROWS; from += BATCH) {
        step(part);
        for (int i = from; i < from + BATCH; i++) {
            part_delete_contact(part, i / 10, i);
        }
        if (sink_commit(sink, part).deleted_count != BATCH) {
            exit(1);
        }
    }
    double seconds = (double)(now_us() - start) / 1e6;
    (void)printf("%d deletes in transactions of %d: %.0f rows/s\n", ROWS, BATCH, ROWS / seconds);
}

struct rows {
    int next;
    char student[16], contact[16];
    struct str values[5];
};

static enum err_kind rows_next(void *ctx, const struct str **ret_values, bool *ret_end,
                               struct err *reterr) {
    (void)reterr;
    struct rows *r = ctx;
    int i = r->next++;
    *ret_end = i == ROWS;
    r->values[0] =
        (struct str){r->student, (size_t)snprintf(r->student, sizeof r->student, "%d", i / 10)};
    r->values[1] =
        (struct str){r->contact, (size_t)snprintf(r->contact, sizeof r->contact, "%d", i)};
    r->values[2] = STR("loaded");
    r->values[3] = STR("0123456789");
    r->values[4] = STR("2001-02-03");
    *ret_values = r->values;
    return ERR_NONE;
}

static void bench_load(bool by_copy) {
    const struct plan *plan = test_view(by_copy);
    tables_reset(plan);
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part, *parts[] = {&part};
    part_begin(&part, plan, 1, &at);
    struct rows rows = {0};
    struct load_source source = {.ctx = &rows, .next = rows_next};
    struct txn txn = {.parts = parts, .part_count = 1, .load = &source};
    int64_t start = now_us();
    pg_sink_ops.commit(sink, &txn);
    if (sink_await(sink, 60000).kind != SINK_COMMITTED) {
        exit(1);
    }
    double seconds = (double)(now_us() - start) / 1e6;
    (void)printf("load of %d rows by %s: %.0f rows/s\n", ROWS, by_copy ? "COPY" : "INSERT",
                 ROWS / seconds);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

int main(void) {
    const struct plan *plan = test_view(true);
    tables_reset(plan);
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part.after = at;
    bench_batches(sink, &part, "into an empty table");
    bench_batches(sink, &part, "all changed");
    bench_batches(sink, &part, "all changed again");
    bench_single(sink, &part);
    bench_deletes(sink, &part);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
    bench_load(true);
    bench_load(false);
    return 0;
}
