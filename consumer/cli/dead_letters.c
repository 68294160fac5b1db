/* The command dead-letters: records the operator's decision to set a record aside. */
#include "cli/clients.h"
#include "cli/commands.h"
#include "consume/record.h"
#include "pipeline/checksum.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include <poll.h>

#define READ_MS 15000 /* for Kafka to give the record */
#define POLL_MS 100   /* in case librdkafka does not wake us */

static enum err_kind parse_number(const char *text, const char *what, int64_t max, int64_t *ret,
                                  struct err *reterr) {
    char *end = NULL;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || number < 0 || number > max) {
        return err_set(reterr, ERR_CONFIG, "'%.40s' is not a valid %s: 0 to %" PRId64, text, what,
                       max);
    }
    *ret = number;
    return ERR_NONE;
}

/* argv's words → which record. */
static enum err_kind parse_place(const struct cli *cli, const struct plan *plan,
                                 struct dead_letter *ret, struct err *reterr) {
    if (cli->argument_count != 4 || strcmp(cli->arguments[0], "add") != 0) {
        return err_set(reterr, ERR_CONFIG, "dead-letters add TOPIC PARTITION OFFSET");
    }
    int64_t partition = 0;
    ret->table = -1;
    for (size_t t = 0; t < plan->relation_count; t++) {
        if (str_equal(plan->relations[t].slot, str_from(cli->arguments[1]))) {
            ret->table = (int)t;
            ret->topic = plan->relations[t].slot;
        }
    }
    if (ret->table < 0) {
        return err_set(reterr, ERR_CONFIG, "'%.200s' is not a topic of view %s; its first is %s",
                       cli->arguments[1], plan->name.ptr, plan->relations[0].slot.ptr);
    }
    enum err_kind kind =
        parse_number(cli->arguments[2], "partition",
                     plan->relations[ret->table].partition_count - 1, &partition, reterr);
    ret->partition = (int32_t)partition;
    return kind == ERR_NONE
               ? parse_number(cli->arguments[3], "offset", INT64_MAX - 1, &ret->offset, reterr)
               : kind;
}

static enum err_kind not_there(const struct dead_letter *record, struct err *reterr) {
    return err_set(reterr, ERR_RETRY,
                   "topic %s partition %d has no record at offset %lld: it was compacted away, or "
                   "is not written yet",
                   record->topic.ptr, record->partition, (long long)record->offset);
}

/* Waits for the record, or until it is known that there is none; the caller releases its handle. */
static enum err_kind await(struct consume *consume, const struct dead_letter *wanted,
                           struct record *ret_record, struct err *reterr) {
    struct clock clock = clock_real();
    int64_t end_ms = clock_mono_ms(&clock) + READ_MS;
    struct consume_event event;
    while (clock_mono_ms(&clock) < end_ms) {
        if (kafka_ops.poll_records(consume, &event, 1) == 0) {
            struct pollfd fd = {.fd = kafka_ops.fd(consume), .events = POLLIN};
            (void)poll(&fd, 1, POLL_MS);
            continue;
        }
        if (event.kind == CONSUME_RECORD && event.record.offset == wanted->offset) {
            *ret_record = event.record;
            return ERR_NONE;
        }
        if (event.kind == CONSUME_RECORD) {
            kafka_ops.release(consume, event.record.handle);
        }
        if (event.kind == CONSUME_FATAL) {
            return err_set(reterr, ERR_RETRY, "%s", event.err.message);
        }
        if (event.kind != CONSUME_NOTHING && event.kind != CONSUME_TROUBLE) {
            return not_there(wanted, reterr); /* another record, the end, or no such offset */
        }
    }
    return err_set(reterr, ERR_RETRY, "Kafka did not return the record within %d s: does it exist?",
                   READ_MS / 1000);
}

static void print_decided(const struct dead_letter *record, size_t task_count) {
    char key[200];
    size_t len = 0;
    for (; len < record->key.len && len < sizeof key - 1; len++) {
        char c = record->key.ptr[len];
        if ((unsigned char)c < 0x20 || c == 0x7f) { /* a terminal would interpret it */
            c = '?';
        }
        key[len] = c;
    }
    key[len] = '\0';
    char who[64] = "its task reads it";
    if (task_count > 1) { /* of a lookup table */
        (void)snprintf(who, sizeof who, "each of %zu tasks reads it", task_count);
    }
    (void)printf(
        "topic %s partition %d offset %lld, key %s (%zu bytes of value): will be set aside when "
        "%s.\n"
        "Its row keeps its previous version. Now notify the members: kill -HUP, or restart "
        "them.\n",
        record->topic.ptr, record->partition, (long long)record->offset,
        record->key.ptr ? key : "none", record->value.len, who);
}

static enum err_kind add(const struct plan *plan, const struct clients *clients,
                         struct dead_letter *dead_letter, struct err *reterr) {
    struct consume *consume = NULL;
    struct record record = {.handle = NULL};
    size_t task_count = 0;
    struct topic_position at = {(int)plan_feed(plan, (size_t)dead_letter->table),
                                dead_letter->partition, dead_letter->offset};
    enum err_kind kind = kafka_new(&clients->kafka, &consume, reterr);
    if (kind == ERR_NONE) {
        kind = kafka_ops.assign(consume, &at, 1, reterr);
    }
    if (kind == ERR_NONE) {
        kind = await(consume, dead_letter, &record, reterr);
    }
    if (kind == ERR_NONE) {
        dead_letter->key = record.key;
        dead_letter->value = record.value;
        dead_letter->checksum = record_checksum(&record);
        kind = pg_decide(plan, &clients->sink, dead_letter, &task_count, reterr);
    }
    if (kind == ERR_NONE) {
        print_decided(dead_letter, task_count);
    }
    if (record.handle) {
        kafka_ops.release(consume, record.handle);
    }
    kafka_destroy(&consume);
    return kind;
}

int cli_dead_letters(const struct cli *cli, const struct config *config) {
    struct plan *plan = NULL;
    struct err err;
    char *place = NULL;
    struct dead_letter dead_letter = {0};
    enum err_kind kind = cli_load_view(config, &plan, &place, &err);
    if (kind == ERR_NONE) {
        kind = parse_place(cli, plan, &dead_letter, &err);
    }
    if (kind == ERR_NONE) {
        struct log log = cli_log(config, "dead-letters");
        struct clients clients;
        clients_init(&clients, config, plan, &log);
        kind = add(plan, &clients, &dead_letter, &err);
        clients_clear(&clients);
    }
    plan_destroy(&plan);
    int code = kind == ERR_NONE ? EXIT_CODE_OK : cli_fail(&err);
    cli_print_place(&place);
    return code;
}
