/* generate: writes Debezium-shaped records of student and contact straight to Kafka, so that the
 * consumer and not Debezium is measured. Seeded: equal arguments give equal records.
 *
 *   generate BOOTSTRAP PREFIX PARTITIONS [name=value ...]
 *     students=250000 contacts=500000   rows of the two tables; contact k belongs to student
 *                                       1 + k * 7919 % students
 *     inserts=1                         insert them, students first; 0: they are there already
 *     renames=125000 rename_step=2      renames of the students 2, 4, ...
 *     updates=125000 update_step=4      updates of the contacts 4, 8, ...
 *     moves=0 deletes=0                 contacts 1, 5, ... move to the next contact's student;
 *                                       contacts 3, 7, ... are deleted
 *     rounds=1                          how often renames and updates are repeated
 *     random=0                          1: each stage in random order of keys
 *     seed=1 version=1                  version makes the values differ from another run's
 *     base=0 stride=1                   student n has the id base + n * stride, contact n base + n
 *     layout=routed                     or keyed, hoisted: see debezium.h
 * BOOTSTRAP - prints the records instead: topic, key and value, with tabs between.
 * At the end it prints how many, and when the first and the last were given to Kafka (monotonic).
 */
#include "produce.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan {
    int64_t students, contacts, inserts, renames, rename_step, updates, update_step;
    int64_t moves, deletes, rounds, random, seed, version, base, stride;
};

static int32_t partitions;
static struct plan plan = {.students = 250000,
                           .contacts = 500000,
                           .inserts = 1,
                           .renames = 125000,
                           .rename_step = 2,
                           .updates = 125000,
                           .update_step = 4,
                           .rounds = 1,
                           .seed = 1,
                           .version = 1,
                           .stride = 1};
static enum layout layout = LAYOUT_ROUTED;

static uint64_t mix(uint64_t z) { /* splitmix64's output function */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* A permutation of 0 .. n-1: cycles of a Feistel network over the next power of four.
 * tests/bench/records.py has the same. */
static int64_t permuted(int64_t i, int64_t n) {
    if (!plan.random) {
        return i;
    }
    int half = 1;
    while ((INT64_C(1) << (2 * half)) < n) {
        half++;
    }
    uint64_t mask = (UINT64_C(1) << half) - 1, x = (uint64_t)i;
    do {
        uint64_t left = x >> half, right = x & mask;
        for (uint64_t round = 0; round < 4; round++) {
            uint64_t next = left ^ (mix(right * 4 + round + (uint64_t)plan.seed * 977) & mask);
            left = right;
            right = next;
        }
        x = (left << half) | right;
    } while (x >= (uint64_t)n);
    return (int64_t)x;
}

/* ---- rows ---- */

static int64_t student_id(int64_t n) {
    return plan.base + n * plan.stride;
}

static int64_t student_of(int64_t contact) {
    return student_id(1 + (contact * 7919) % plan.students);
}

static struct row student(int64_t n, const char *stage, int64_t version, char text[64]) {
    struct row row = {.student = student_id(n), .text = text};
    (void)snprintf(text, 64, "%s %" PRId64 " v%" PRId64, stage, row.student, version);
    return row;
}

static struct row contact(int64_t n, int64_t owner, const char *stage, int64_t version,
                          char text[64]) {
    struct row row = {.student = owner, .contact = plan.base + n, .text = text};
    (void)snprintf(text, 64, "%s%" PRId64 "-%" PRId64, stage, row.contact, version);
    return row;
}

static void send_student(const struct row *before, const struct row *after) {
    produce(0, debezium_student(before, after),
            (int32_t)((after ? after : before)->student % partitions));
}

/* A record whose key is the primary key may lie in any partition, if always in the same. */
static void send_contact(const struct row *before, const struct row *after) {
    const struct row *row = after ? after : before;
    int64_t partition_key = layout == LAYOUT_ROUTED ? row->student : row->contact;
    produce(1, debezium_contact(before, after), (int32_t)(partition_key % partitions));
}

/* ---- stages ---- */

static void insert_all(void) {
    char text[64];
    for (int64_t i = 0; i < plan.students; i++) {
        struct row row = student(1 + permuted(i, plan.students), "student", plan.version, text);
        send_student(NULL, &row);
    }
    for (int64_t i = 0; i < plan.contacts; i++) {
        int64_t n = 1 + permuted(i, plan.contacts);
        struct row row = contact(n, student_of(n), "+49-", plan.version, text);
        send_contact(NULL, &row);
    }
}

static void update_rows(int64_t version) {
    char from[64], to[64];
    for (int64_t i = 0; i < plan.renames; i++) {
        int64_t n = plan.rename_step * (1 + permuted(i, plan.renames));
        struct row before = student(n, "student", version, from);
        struct row after = student(n, "renamed", version, to);
        send_student(&before, &after);
    }
    for (int64_t i = 0; i < plan.updates; i++) {
        int64_t n = plan.update_step * (1 + permuted(i, plan.updates));
        struct row before = contact(n, student_of(n), "+49-", version, from);
        struct row after = contact(n, student_of(n), "+50-", version, to);
        send_contact(&before, &after);
    }
}

static void move_and_delete(void) {
    char from[64], to[64];
    for (int64_t i = 0; i < plan.moves; i++) {
        int64_t n = 4 * permuted(i, plan.moves) + 1;
        struct row before = contact(n, student_of(n), "+49-", plan.version, from);
        struct row after = contact(n, student_of(n + 1), "+51-", plan.version, to);
        if (layout == LAYOUT_ROUTED && before.student != after.student) {
            send_contact(&before, NULL); /* another key: Debezium sends two records */
            send_contact(NULL, &after);
        } else {
            send_contact(&before, &after);
        }
    }
    for (int64_t i = 0; i < plan.deletes; i++) {
        int64_t n = 4 * permuted(i, plan.deletes) + 3;
        struct row before = contact(n, student_of(n), "+49-", plan.version, from);
        send_contact(&before, NULL);
    }
}

static bool plan_fits(void) {
    int64_t students = plan.renames * plan.rename_step;
    int64_t updated = plan.updates * plan.update_step;
    return plan.students > 0 && students <= plan.students && updated <= plan.contacts &&
           4 * plan.moves <= plan.contacts && 4 * plan.deletes <= plan.contacts &&
           student_id(plan.students) <= INT32_MAX; /* Java's hash of such a bigint is itself */
}

/* ---- arguments ---- */

static int take_option(const char *option) {
    const struct {
        const char *name;
        int64_t *value;
    } options[] = {
        {"students", &plan.students}, {"contacts", &plan.contacts},
        {"inserts", &plan.inserts},   {"renames", &plan.renames},
        {"updates", &plan.updates},   {"rename_step", &plan.rename_step},
        {"moves", &plan.moves},       {"update_step", &plan.update_step},
        {"deletes", &plan.deletes},   {"rounds", &plan.rounds},
        {"random", &plan.random},     {"seed", &plan.seed},
        {"version", &plan.version},   {"base", &plan.base},
        {"stride", &plan.stride},
    };
    const char *equals = strchr(option, '=');
    size_t length = equals ? (size_t)(equals - option) : 0;
    for (size_t i = 0; equals && i < sizeof options / sizeof *options; i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, option, length) == 0) {
            *options[i].value = strtoll(equals + 1, NULL, 10);
            return 0;
        }
    }
    static const char *const layouts[] = {"layout=routed", "layout=keyed", "layout=hoisted"};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        if (strcmp(layouts[i], option) == 0) {
            layout = (enum layout)i;
            return 0;
        }
    }
    (void)fprintf(stderr, "unknown option %s\n", option);
    return 2;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        (void)fprintf(stderr, "usage: generate BOOTSTRAP PREFIX PARTITIONS [name=value ...]\n");
        return 2;
    }
    partitions = (int32_t)strtol(argv[3], NULL, 10);
    for (int i = 4; i < argc; i++) {
        if (take_option(argv[i]) != 0) {
            return 2;
        }
    }
    if (partitions < 1 || partitions > PARTITIONS_MAX || !plan_fits()) {
        (void)fprintf(stderr, "more changes than rows, or ids or partitions that are too many\n");
        return 2;
    }
    debezium_begin(argv[2], layout);
    produce_begin(argv[1]);
    if (plan.inserts) {
        insert_all();
    }
    for (int64_t round = 0; round < plan.rounds; round++) {
        update_rows(plan.version + round);
    }
    move_and_delete();
    return produce_end();
}
