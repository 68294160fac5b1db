/* How much CPU time decode() takes a record, on records that differ as Debezium's do:
 * `ninja bench_decode && ./bench_decode [records [case]]`. */
#include "decode/decoder.h"
#include "fixture_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SAMPLES 1000 /* different records, decoded in turn */

#define PHONE "+49 30 1234567"
/* 1000 bytes with quotes, line ends and letters beyond ASCII, as notes have them */
#define NOTE8(s) s s s s s s s s
#define NOTE                                                                                       \
    NOTE8("He said \\\"yes\\\" and paid in M\303\274nchen. The rest is plain text that goes on "   \
          "and on until the line ends.\\nThen one more: \342\202\254 5.")

static const struct {
    const char *name, *ops, *number;
} cases[] = {
    {"c", "c", PHONE},           /* an initial load */
    {"u", "u", PHONE},           /* live */
    {"d", "d", PHONE},           /* deletes */
    {"mix", "cuduuccdu", PHONE}, /* no two alike in a row */
    {"note", "c", NOTE},         /* a long text */
};

struct sample {
    char key[64], value[4096];
    struct record record;
};
static struct sample samples[SAMPLES];

static void write_sample(int64_t i, char op, const char *number) {
    struct sample *sample = &samples[i];
    int64_t student = 8 * i + 7, us = INT64_C(1795349632972495) + 613 * i,
            lsn = 331480568 + 152 * i;
    char row[2048];
    (void)snprintf(row, sizeof row,
                   "{\"contact_id\":%" PRId64 ",\"student_id\":%" PRId64
                   ",\"contact_number\":\"%s\"}",
                   123456 + i, student, number);
    int key_len =
        snprintf(sample->key, sizeof sample->key,
                 "{\"student_id\":%" PRId64 ",\"contact_id\":%" PRId64 "}", student, 123456 + i);
    int len = snprintf(
        sample->value, sizeof sample->value,
        "{\"before\":%s,\"after\":%s,\"source\":{\"version\":\"3.6.1.Final\",\"connector\":"
        "\"postgresql\",\"name\":\"cap\",\"ts_ms\":%" PRId64
        ",\"snapshot\":null,\"db\":\"cap\",\"sequence\":\"[\\\"%" PRId64 "\\\",\\\"%" PRId64
        "\\\"]\",\"ts_us\":%" PRId64 ",\"ts_ns\":%" PRId64
        "000,\"schema\":\"public\",\"table\":\"contact\",\"txId\":%" PRId64 ",\"lsn\":%" PRId64
        ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null},\"transaction\":null,\"op\":\"%c\","
        "\"ts_ms\":%" PRId64 ",\"ts_us\":%" PRId64 ",\"ts_ns\":%" PRId64 "721}",
        op == 'c' ? "null" : row, op == 'd' ? "null" : row, us / 1000, lsn, lsn, us, us,
        1001829 + i, lsn, op, us / 1000 + 58, us + 58123, us + 58123);
    sample->record = (struct record){
        .table = CONTACT,
        .partition = 7,
        .key = {sample->key, (size_t)key_len},
        .value = {sample->value, (size_t)len},
    };
}

static void run(size_t index, struct decoder *decoder, long count) {
    struct arena arena = {0};
    const char *op = cases[index].ops;
    for (int64_t i = 0; i < SAMPLES; i++) {
        write_sample(i, *op, cases[index].number);
        op = op[1] ? op + 1 : cases[index].ops;
    }
    clock_t start = clock();
    for (long i = 0; i < count; i++) {
        struct change change;
        struct err err;
        if (i % SAMPLES == 0) {
            arena_reset(&arena);
        }
        const struct record *record = &samples[i % SAMPLES].record;
        if (decode(decoder, record, &arena, &change, &err) != ERR_NONE) {
            (void)fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
    }
    double us = (double)(clock() - start) * 1e6 / CLOCKS_PER_SEC;
    (void)printf("%-8s %-4s %4zu bytes: %8.0f records/s, %5.0f ns each\n",
                 decoder->by_jansson ? "jansson" : "decode", cases[index].name,
                 samples[0].record.value.len, (double)count / us * 1e6, us * 1e3 / (double)count);
    arena_clear(&arena);
}

int main(int argc, char **argv) {
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 500000;
    struct decoder *decoder = decoder_new(&fixture_view);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (argc < 3 || strcmp(argv[2], cases[i].name) == 0) {
            run(i, decoder, count);
        }
    }
    if (argc < 3) {
        decoder->by_jansson = true;
        run(0, decoder, count / 5);
    }
    decoder_destroy(&decoder);
    return 0;
}
