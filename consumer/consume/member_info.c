/* What a member writes about itself, as a line of fields: people may come upon it in Kafka's tools.
 */
#include "consume/kafka_peers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM "oltp-olap-sync:1" /* of the line; one that is not known is ignored */

static void add(char *out, size_t size, const char *field) {
    size_t at = strlen(out);
    for (const char *c = field; *c != '\0' && at + 2 < size; c++) {
        bool plain = *c != '|' && (unsigned char)*c >= ' ';
        out[at++] = '?';
        if (plain) {
            out[at - 1] = *c;
        }
    }
    if (at + 1 < size) {
        out[at++] = '|';
    }
    out[at] = '\0';
}

void member_info_write(const struct member_info *info, char *out, size_t size) {
    char since[24];
    (void)snprintf(since, sizeof since, "%" PRId64, info->since_ms);
    const char *const fields[] = {FORM,       info->id,     since,      info->plan,
                                  info->sink, info->member, info->view, info->sink_name};
    out[0] = '\0';
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        add(out, size, fields[i]);
    }
}

/* The field at *at, into out; false: it is not there, or too long. */
static bool take(const char **at, const char *end, char *out, size_t size) {
    const char *bar = memchr(*at, '|', (size_t)(end - *at));
    if (!bar || (size_t)(bar - *at) >= size) {
        return false;
    }
    memcpy(out, *at, (size_t)(bar - *at));
    out[bar - *at] = '\0';
    *at = bar + 1;
    return true;
}

bool member_info_read(const char *text, size_t len, struct member_info *ret) {
    const char *at = text, *end = text + len;
    char form[32], since[24];
    struct member_info info = {0};
    if (!take(&at, end, form, sizeof form) || strcmp(form, FORM) != 0 ||
        !take(&at, end, info.id, sizeof info.id) || !take(&at, end, since, sizeof since) ||
        !take(&at, end, info.plan, sizeof info.plan) ||
        !take(&at, end, info.sink, sizeof info.sink) ||
        !take(&at, end, info.member, sizeof info.member) ||
        !take(&at, end, info.view, sizeof info.view) ||
        !take(&at, end, info.sink_name, sizeof info.sink_name)) {
        return false;
    }
    info.since_ms = strtoll(since, NULL, 10);
    *ret = info;
    return true;
}
