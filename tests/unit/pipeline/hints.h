/* What the member's log says should be done about what is down. */
#ifndef TESTS_UNIT_PIPELINE_HINTS_H
#define TESTS_UNIT_PIPELINE_HINTS_H

#include "fixture.h"

#define HINT "start_it_again"

/* The log's warnings, with that hint where there is one, go into a pipe from now on. */
static void hints_begin(struct fixture *f, int fds[2]) {
    assert_int_equal(pipe(fds), 0);
    f->log = (struct log){.fd = fds[1], .level = LOG_WARN};
    f->member->o.down_hint = HINT;
}

static void hints_end(struct fixture *f, const int fds[2]) {
    f->log.fd = STDERR_FILENO;
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* How many lines of the log since the last call have this event and end with the hint, and how
 * many have it without. */
static void expect_hints(const int fds[2], const char *event, int with, int without) {
    static char text[65536];
    char wanted[64];
    const size_t hint_len = strlen(" hint=" HINT);
    (void)snprintf(wanted, sizeof wanted, " event=%s ", event);
    ssize_t len = read(fds[0], text, sizeof text - 1);
    text[len > 0 ? len : 0] = '\0';
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strstr(line, wanted)) {
            size_t line_len = strlen(line);
            bool hinted =
                line_len > hint_len && strcmp(line + line_len - hint_len, " hint=" HINT) == 0;
            *(hinted ? &with : &without) -= 1;
        }
    }
    assert_int_equal(with, 0);
    assert_int_equal(without, 0);
}

#endif
