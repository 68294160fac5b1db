#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum err_kind err_set(struct err *reterr, enum err_kind kind, const char *format, ...) {
    if (!reterr) {
        return kind;
    }
    reterr->kind = kind;
    reterr->locked = false;
    reterr->sqlstate[0] = '\0';
    reterr->topic[0] = '\0';
    reterr->partition = -1;
    reterr->offset = -1;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reterr->message, sizeof reterr->message, format, args);
    va_end(args);
    return kind;
}

enum err_kind err_about(struct err *reterr, const char *topic, int32_t partition, int64_t offset) {
    (void)snprintf(reterr->topic, sizeof reterr->topic, "%s", topic);
    reterr->partition = partition;
    reterr->offset = offset;
    return reterr->kind;
}

const char *err_kind_name(enum err_kind kind) {
    switch (kind) {
    case ERR_NONE:
        return "none";
    case ERR_RETRY:
        return "retry";
    case ERR_RECORD:
        return "record";
    case ERR_CACHE:
        return "cache";
    case ERR_HALT:
        return "halt";
    case ERR_CONFIG:
        return "config";
    case ERR_BUG:
        return "bug";
    }
    return "unknown";
}
