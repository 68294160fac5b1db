#include "state/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Mutable globals, because a signal handler is handed no context. */
static _Thread_local const char *volatile inside;

enum { WATCHED_COUNT = 3 };
static const int watched[WATCHED_COUNT] = {SIGSEGV, SIGBUS, SIGABRT};
static struct sigaction former[WATCHED_COUNT];

void guard_enter(const char *mark_path) {
    inside = mark_path;
}

void guard_leave(void) {
    inside = NULL;
}

void guard_mark(const char *mark_path) {
    int saved_errno = errno;
    int fd = open(mark_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = saved_errno;
}

/* A fault of this thread, or its own abort(): not what somebody else sent. */
static bool is_ours(int signal_number, const siginfo_t *info) {
    if (signal_number == SIGABRT) {
        return info->si_code == SI_TKILL && info->si_pid == getpid();
    }
    return info->si_code > 0;
}

static void on_crash(int signal_number, siginfo_t *info, void *context) {
    (void)context;
    if (inside && is_ours(signal_number, info)) {
        guard_mark(inside);
    }
    for (int i = 0; i < WATCHED_COUNT; i++) {
        if (watched[i] == signal_number) {
            (void)sigaction(signal_number, &former[i], NULL);
        }
    }
    /* A fault happens again when its instruction is run again, and finds the former handler with
     * all that it wants to know (a sanitizer's report); anything else has to be sent again. */
    if (info->si_code <= 0) {
        (void)raise(signal_number);
    }
}

enum err_kind guard_install(struct err *reterr) {
    for (int i = 0; i < WATCHED_COUNT; i++) {
        struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        (void)sigemptyset(&action.sa_mask);
        struct sigaction before;
        if (sigaction(watched[i], NULL, &before) != 0) {
            return err_set(reterr, ERR_BUG, "sigaction(%d): %s", watched[i], strerror(errno));
        }
        if ((before.sa_flags & SA_SIGINFO) && before.sa_sigaction == on_crash) {
            continue; /* installed before: it must not become its own former handler */
        }
        former[i] = before;
        if (sigaction(watched[i], &action, NULL) != 0) {
            return err_set(reterr, ERR_BUG, "sigaction(%d): %s", watched[i], strerror(errno));
        }
    }
    return ERR_NONE;
}
