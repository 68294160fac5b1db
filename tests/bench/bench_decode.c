/* How many records a second decode() takes of CPU time: `ninja bench_decode && ./bench_decode`. */
#include "decode/decoder.h"
#include "fixture_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SOURCE                                                                                     \
    "\"source\":{\"version\":\"3.6.1.Final\",\"connector\":\"postgresql\",\"name\":\"cap\","       \
    "\"ts_ms\":1795349632972,\"snapshot\":null,\"db\":\"cap\","                                    \
    "\"sequence\":\"[\\\"331480568\\\",\\\"331480568\\\"]\",\"ts_us\":1795349632972495,"           \
    "\"ts_ns\":1795349632972495000,\"schema\":\"public\",\"table\":\"contact\","                   \
    "\"txId\":1001829,\"lsn\":331480568,\"xmin\":null,\"origin\":null,\"origin_lsn\":null},"       \
    "\"transaction\":null,"
#define TIMES ",\"ts_ms\":1795349633030,\"ts_us\":1795349633030059,\"ts_ns\":1795349633030059721}"
#define ROW   "{\"contact_id\":123456,\"student_id\":7,\"contact_number\":\"+49 30 1234567\"}"

static const struct {
    const char *name;
    struct str value;
} cases[] = {
    {"c", STR("{\"before\":null,\"after\":" ROW "," SOURCE "\"op\":\"c\"" TIMES)},
    {"u", STR("{\"before\":" ROW ",\"after\":" ROW "," SOURCE "\"op\":\"u\"" TIMES)},
    {"d", STR("{\"before\":" ROW ",\"after\":null," SOURCE "\"op\":\"d\"" TIMES)},
};

static void run(const char *name, struct decoder *decoder, struct str value, long count) {
    struct arena arena = {0};
    struct record record = {CONTACT, 7,   0, 0, STR("{\"student_id\":7,\"contact_id\":123456}"),
                            value,   NULL};
    clock_t start = clock();
    for (long i = 0; i < count; i++) {
        struct change change;
        struct err err;
        if (i % 1000 == 0) {
            arena_reset(&arena);
        }
        if (decode(decoder, &record, &arena, &change, &err) != ERR_NONE) {
            (void)fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
    }
    double us = (double)(clock() - start) * 1e6 / CLOCKS_PER_SEC;
    (void)printf("%-8s %s %4zu bytes: %8.0f records/s, %5.2f us each\n",
                 decoder->by_jansson ? "jansson" : "scanner", name, value.len,
                 (double)count / us * 1e6, us / (double)count);
    arena_clear(&arena);
}

int main(int argc, char **argv) {
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 500000;
    struct decoder *decoder = decoder_new(&fixture_view);
    for (int way = 0; way < 2; way++) {
        decoder->by_jansson = way == 1;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            run(cases[i].name, decoder, cases[i].value, count);
        }
    }
    decoder_destroy(&decoder);
    return 0;
}
