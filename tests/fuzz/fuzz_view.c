/* The two SQL files with foreign bytes: accepted, or ERR_CONFIG with a report.
 *
 * Input: oltp.sql, a NUL, the view's file. */
#include "view/connector.h"
#include "view/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory that view_load opens by this path. */
static int file_of(struct str text, char *path, size_t path_size) {
    int fd = memfd_create("sql", 0);
    if (fd < 0 || write(fd, text.ptr, text.len) != (ssize_t)text.len) {
        abort();
    }
    (void)snprintf(path, path_size, "/proc/self/fd/%d", fd);
    return fd;
}

static void use(struct plan *plan) {
    struct view_connector_options options = {.topic_prefix = "fuzz"};
    char *json = NULL;
    struct err err;
    if (view_connector_json(plan, &options, &json, &err) == ERR_NONE && !json) {
        abort();
    }
    free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    const char *nul = size > 0 ? memchr(text, '\0', size) : NULL;
    if (!nul) {
        return 0;
    }
    size_t first = (size_t)(nul - text);
    char oltp[32], file[32], *report = NULL;
    int fds[2] = {file_of((struct str){text, first}, oltp, sizeof oltp),
                  file_of((struct str){nul + 1, size - first - 1}, file, sizeof file)};
    struct view_options options = {oltp, file, "fuzz", 8, NULL};
    struct plan *plan = NULL;
    struct err err;
    enum err_kind kind = view_load(&options, &plan, &report, &err);
    if (kind == ERR_NONE) {
        use(plan);
    } else if (kind != ERR_CONFIG || !report) {
        abort();
    }
    free(report);
    plan_destroy(&plan);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return 0;
}
