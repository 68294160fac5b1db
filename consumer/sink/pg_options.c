/* The parameters of a connection: libpq's keywords and values, and what is wrong with them. */
#include "base/memory.h"
#include "sink/pg_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Our defaults, then the caller's: libpq uses the last. No `options`: a pooler rejects them, and
 * SQL_SESSION sets the session up. */
char **link_keywords(const struct pg_sink_options *options, char ***ret_values) {
    static const struct {
        const char *keyword, *value;
    } defaults[] = {
        {"fallback_application_name", "oltp-olap-sync"},
        {"target_session_attrs", "read-write"},
        {"keepalives_idle", "10"},
        {"keepalives_interval", "5"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "60000"}, /* above what a statement may wait with a full socket */
    };
    const size_t default_count = sizeof defaults / sizeof defaults[0];
    size_t own_count = 0;
    while (options->keywords[own_count]) {
        own_count++;
    }
    size_t cap = default_count + own_count + 3, n = 0;
    char **keywords = memory_new(cap, sizeof *keywords);
    char **values = memory_new(cap, sizeof *values);
    for (size_t i = 0; i < default_count; i++) {
        keywords[n] = memory_text(defaults[i].keyword);
        values[n++] = memory_text(defaults[i].value);
    }
    for (size_t i = 0; i < own_count; i++) {
        keywords[n] = memory_text(options->keywords[i]);
        values[n++] = memory_text(options->values[i] ? options->values[i] : "");
    }
    keywords[n] = memory_text("client_encoding");
    values[n++] = memory_text("UTF8");
    *ret_values = values;
    return keywords;
}

void link_keywords_free(char ***keywords, char ***values) {
    for (size_t i = 0; *keywords && (*keywords)[i]; i++) {
        free((*keywords)[i]);
        free((*values)[i]);
    }
    free(*keywords);
    free(*values);
    *keywords = NULL;
    *values = NULL;
}

char **link_keywords_to(const struct sink *sink, const PGconn *conn, char ***ret_values) {
    size_t count = 0, n = 0;
    while (sink->link.keywords[count]) {
        count++;
    }
    char **keywords = memory_new(count + 5, sizeof *keywords);
    char **values = memory_new(count + 5, sizeof *values);
    for (; n < count; n++) {
        keywords[n] = memory_text(sink->link.keywords[n]);
        values[n] = memory_text(sink->link.values[n]);
    }
    const char *const to[][2] = {{"host", PQhost(conn)},
                                 {"hostaddr", PQhostaddr(conn)},
                                 {"port", PQport(conn)},
                                 {"target_session_attrs", "any"}};
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
        keywords[n] = memory_text(to[i][0]);
        values[n++] = memory_text(to[i][1] ? to[i][1] : "");
    }
    *ret_values = values;
    return keywords;
}

/* Sets the password to the first line of the password file, which may have been rotated. If the
 * file can't be read now, the previous password stays. */
void link_read_password(struct sink *sink) {
    char *line = NULL;
    size_t size = 0;
    FILE *file = sink->link.password_file[0] ? fopen(sink->link.password_file, "re") : NULL;
    bool read = file && getline(&line, &size, file) > 0;
    if (file) {
        (void)fclose(file);
    }
    if (!read) {
        free(line);
        return;
    }
    line[strcspn(line, "\r\n")] = '\0';
    for (size_t i = 0; sink->link.keywords[i] && line[0] != '\0'; i++) {
        if (strcmp(sink->link.keywords[i], "password") == 0) {
            free(sink->link.values[i]);
            sink->link.values[i] = memory_text(line);
        }
    }
    free(line);
}

static bool is_any(const char *word, const char *const *words) {
    while (*words && strcmp(*words, word) != 0) {
        words++;
    }
    return *words != NULL;
}

static bool is_number(const char *text) {
    char *end = NULL;
    errno = 0;
    (void)strtol(text, &end, 10);
    return end != text && *end == '\0' && errno == 0;
}

/* Files and numbers, which libpq checks only once it is connected to the server. */
static enum err_kind check_value(const char *keyword, const char *value, struct err *reterr) {
    static const char *const files[] = {"sslrootcert", "sslcert", "sslkey", "sslcrl", NULL};
    static const char *const numbers[] = {"connect_timeout",
                                          "keepalives",
                                          "keepalives_idle",
                                          "keepalives_interval",
                                          "keepalives_count",
                                          "tcp_user_timeout",
                                          NULL};
    if (is_any(keyword, files) && strcmp(value, "system") != 0 && access(value, R_OK) != 0) {
        return err_set(reterr, ERR_CONFIG, "olap.%s=%.200s: %s", keyword, value, strerror(errno));
    }
    if (is_any(keyword, numbers) && !is_number(value)) {
        return err_set(reterr, ERR_CONFIG, "olap.%s=%.100s is not a number", keyword, value);
    }
    return ERR_NONE;
}

/* Replaces every host by a socket that does not exist: libpq checks all keywords and values before
 * it tries to connect. */
static void to_nowhere(char **keywords, char **values) {
    struct buf hosts = {0};
    const char *list = "";
    for (size_t i = 0; keywords[i]; i++) {
        if (strcmp(keywords[i], "host") == 0 || strcmp(keywords[i], "hostaddr") == 0) {
            list = values[i];
        }
    }
    buf_printf(&hosts, "/nonexistent");
    for (const char *p = strchr(list, ','); p; p = strchr(p + 1, ',')) {
        buf_printf(&hosts, ",/nonexistent");
    }
    buf_append(&hosts, "", 1);
    for (size_t i = 0; keywords[i]; i++) {
        bool host = strcmp(keywords[i], "host") == 0,
             address = strcmp(keywords[i], "hostaddr") == 0;
        if (host || address) {
            free(values[i]);
            values[i] = memory_text(host ? hosts.ptr : "");
        }
    }
    buf_clear(&hosts);
}

static bool has_host(char **keywords) {
    for (size_t i = 0; keywords[i]; i++) {
        if (strcmp(keywords[i], "host") == 0) {
            return true;
        }
    }
    return false;
}

enum err_kind pg_sink_check(const struct pg_sink_options *options, struct err *reterr) {
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; options->keywords[i] && kind == ERR_NONE; i++) {
        const char *value = options->values[i];
        if (value && value[0] != '\0') {
            kind = check_value(options->keywords[i], value, reterr);
        }
    }
    char **values = NULL, **keywords = link_keywords(options, &values);
    if (kind == ERR_NONE && has_host(keywords)) { /* else libpq would try its default host */
        to_nowhere(keywords, values);
        PGconn *conn =
            PQconnectStartParams((const char *const *)keywords, (const char *const *)values, 0);
        const char *said = conn ? PQerrorMessage(conn) : "";
        if (conn && PQstatus(conn) == CONNECTION_BAD && !strstr(said, "/nonexistent")) {
            kind = err_set(reterr, ERR_CONFIG, "libpq rejects a setting olap.*: %.*s",
                           (int)strcspn(said, "\r\n"), said);
        }
        PQfinish(conn);
    }
    link_keywords_free(&keywords, &values);
    return kind;
}
