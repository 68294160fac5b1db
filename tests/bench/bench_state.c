/* How fast the state cache takes rows, and what memory it holds while it does.
 *
 * bench_state DIR [ROWS [BATCH [COMMIT_BYTES [TASKS]]]]: rows with keys in order, then as many
 * changes at random keys, each batch sorted, to the tasks in turn; all commit whenever their
 * state_dirty_bytes together have passed COMMIT_BYTES. What those said at each commit is shown
 * beside what malloc has handed out since the start (LMDB keeps pages for the next transaction).
 */
#include "base/clock.h"
#include "state/lmdb/lmdb_store.h"
#include "state/state.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { TASKS_MAX = 64 };

struct bench {
    struct state *state; /* the one in turn */
    struct state *states[TASKS_MAX];
    size_t task_count;
    uint64_t rows, batch;
    size_t commit_bytes;
    int64_t offset;
    struct clock clock;
    size_t base_bytes; /* malloc'ed at the start */
    size_t max_said, max_held, commits;
    double said;
    uint64_t seed;
    uint64_t *keys;
    int64_t commit_us;
};

static void must(enum err_kind kind, const struct err *err) {
    if (kind != ERR_NONE) {
        (void)fprintf(stderr, "%s\n", err->message);
        exit(1); // NOLINT(concurrency-mt-unsafe)
    }
}

static long status_kb(const char *name) {
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    long kb = -1;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, name, strlen(name)) == 0) {
            kb = strtol(line + strlen(name) + 1, NULL, 10);
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return kb;
}

static size_t dirty_bytes(const struct bench *b) {
    size_t bytes = 0;
    for (size_t i = 0; i < b->task_count; i++) {
        bytes += state_dirty_bytes(b->states[i]);
    }
    return bytes;
}

static size_t malloced_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks; /* without mappings of their own: mostly LMDB's lists */
}

static void commit(struct bench *b) {
    struct err err;
    size_t said = dirty_bytes(b);
    size_t held = malloced_bytes() - b->base_bytes;
    b->said += (double)said;
    b->max_said = said > b->max_said ? said : b->max_said;
    b->max_held = held > b->max_held ? held : b->max_held;
    b->commits++;
    b->offset++;
    int64_t before = b->clock.mono_us(b->clock.ctx);
    for (size_t i = 0; i < b->task_count; i++) {
        if (state_dirty_bytes(b->states[i]) > 0) {
            must(state_commit(b->states[i], (int64_t[]){b->offset, b->offset}, 1, false, &err),
                 &err);
        }
    }
    b->commit_us += b->clock.mono_us(b->clock.ctx) - before;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void run(struct bench *b, const char *name, bool at_random, unsigned version) {
    struct err err;
    b->max_said = b->max_held = b->commits = 0;
    b->said = 0;
    b->commit_us = 0;
    int64_t start_us = b->clock.mono_us(b->clock.ctx);
    size_t turn = 0;
    for (uint64_t done = 0; done < b->rows; done += b->batch) {
        for (uint64_t i = 0; i < b->batch; i++) {
            b->seed = b->seed * 6364136223846793005U + 1442695040888963407U;
            b->keys[i] =
                at_random ? (b->seed >> 20) % (b->rows / b->task_count) : done / b->task_count + i;
        }
        b->state = b->states[turn++ % b->task_count];
        qsort(b->keys, b->batch, sizeof *b->keys, by_value);
        for (uint64_t i = 0; i < b->batch; i++) {
            /* (student, contact): two bigints, big-endian */
            uint64_t parts[2] = {__builtin_bswap64(b->keys[i] / 3), __builtin_bswap64(b->keys[i])};
            char value[32];
            int len =
                snprintf(value, sizeof value, "+49 151 %08u %u", (unsigned)b->keys[i], version);
            must(state_set(b->state, 1, (struct str){(char *)parts, sizeof parts},
                           (struct str){value, (size_t)len}, &err),
                 &err);
        }
        if (dirty_bytes(b) > b->commit_bytes) {
            commit(b);
        }
    }
    commit(b);
    double seconds = (double)(b->clock.mono_us(b->clock.ctx) - start_us) / 1e6;
    printf("%-28s %7.0f k puts/s  %5zu commits of %6.0f us  dirty said %5.2f MiB (max %5.2f), "
           "malloc'ed max %5.2f  RssAnon %ld KiB\n",
           name, (double)b->rows / seconds / 1e3, b->commits,
           (double)b->commit_us / (double)b->commits, b->said / (double)b->commits / 1048576,
           (double)b->max_said / 1048576, (double)b->max_held / 1048576, status_kb("RssAnon:"));
}

static void read_all(struct bench *b) {
    struct str key = STR_NONE, value;
    struct err err;
    uint64_t count = 0;
    int64_t start_us = b->clock.mono_us(b->clock.ctx);
    for (;;) {
        must(state_next(b->state, 1, STR(""), key, &key, &value, &err), &err);
        if (!key.ptr) {
            break;
        }
        count++;
    }
    double seconds = (double)(b->clock.mono_us(b->clock.ctx) - start_us) / 1e6;
    printf("%-28s %7.0f k rows/s\n", "read in order", (double)count / seconds / 1e3);
}

int main(int argc, char **argv) {
    struct bench b = {.rows = 1000000, .batch = 2000, .commit_bytes = (size_t)4 << 20, .seed = 1};
    if (argc < 2) {
        return 2;
    }
    b.rows = argc > 2 ? strtoull(argv[2], NULL, 10) : b.rows;
    b.batch = argc > 3 ? strtoull(argv[3], NULL, 10) : b.batch;
    b.commit_bytes = argc > 4 ? strtoull(argv[4], NULL, 10) : b.commit_bytes;
    b.task_count = argc > 5 ? strtoull(argv[5], NULL, 10) : 1;
    if (b.batch < 1 || b.task_count < 1 || b.task_count > TASKS_MAX) {
        return 2;
    }
    b.keys = calloc(b.batch, sizeof *b.keys);
    b.clock = clock_real();
    struct err err;
    struct lmdb_store *store = NULL;
    must(lmdb_store_new(argv[1], &store, &err), &err);
    struct kv_factory factory = lmdb_store_factory(store);
    struct state_meta meta;
    for (size_t i = 0; i < b.task_count; i++) {
        must(state_open(&factory, (int32_t)i, ".bench", STR("bench"),
                        &(struct state_layout){.table_count = 2}, &b.states[i], &meta, &err),
             &err);
    }
    b.base_bytes = malloced_bytes();
    run(&b, "new, in order", false, 0);
    run(&b, "changed, in order", false, 1);
    run(&b, "changed, random, sorted", true, 2);
    run(&b, "changed, random, again", true, 3);
    read_all(&b);
    for (size_t i = 0; i < b.task_count; i++) {
        must(state_discard(b.states[i], &err), &err);
    }
    printf("%-28s RssAnon %ld KiB\n", "discarded", status_kb("RssAnon:"));
    run(&b, "new, in order", false, 0);
    int64_t start_us = b.clock.mono_us(b.clock.ctx);
    for (size_t i = 0; i < b.task_count; i++) {
        state_close(&b.states[i]);
    }
    printf("close %.0f ms\n", (double)(b.clock.mono_us(b.clock.ctx) - start_us) / 1e3);
    lmdb_store_destroy(&store);
    free(b.keys);
    return 0;
}
