/* err.h: what went wrong, and what the pipeline may do about it.
 *
 * What:    every fallible function returns an err_kind and fills a struct err on failure only.
 * Limits:  message is cut at ERR_MESSAGE_BYTES - 1 bytes; no personal data: keys and offsets,
 *          never row values.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#define ERR_MESSAGE_BYTES 1024
#define TOPIC_NAME_MAX    249 /* bytes: Kafka's */

#define MUST_CHECK __attribute__((warn_unused_result))

enum err_kind {
    ERR_NONE = 0,
    ERR_RETRY,  /* the same thing may succeed later: broker or database away, 40001, disk full */
    ERR_RECORD, /* this record can never succeed: dead letter, go on */
    ERR_CACHE,  /* this task's cache can't be trusted: discard it and rebuild */
    ERR_HALT,   /* this task must stop until someone has looked into it; nothing is written */
    ERR_CONFIG, /* the operator must change something: exit 2 before anything is changed */
    ERR_BUG,    /* an invariant of ours is broken: exit without moving any offset */
};

struct err {
    enum err_kind kind;
    bool locked;                    /* ERR_RETRY: another process holds its lock */
    char sqlstate[6];               /* "" unless it is PostgreSQL's */
    char topic[TOPIC_NAME_MAX + 1]; /* "" unless about one record */
    int32_t partition;              /* -1 unless about one record */
    int64_t offset;                 /* -1 unless about one record */
    char message[ERR_MESSAGE_BYTES];
};

/* Fills *reterr (may be NULL) and returns kind, for `return err_set(...)`. */
enum err_kind err_set(struct err *reterr, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets which record *reterr is about; topic is cut at TOPIC_NAME_MAX bytes. Returns its kind. */
enum err_kind err_about(struct err *reterr, const char *topic, int32_t partition, int64_t offset);

/* "retry", "record", ...: the name of the kind, for logs. Static storage. */
const char *err_kind_name(enum err_kind kind);

#endif
