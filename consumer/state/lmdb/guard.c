#include "state/lmdb/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* Mutable globals, because a signal handler is handed no context. */
static _Thread_local const char *volatile inside;
static _Thread_local volatile unsigned calls; /* so far */

/* The timer of the thread's processor time. Its handler runs in the thread itself: nobody else
 * looks at what the thread is inside of. */
struct watch {
    pid_t pid; /* whose timer it is: a child of fork has none */
    timer_t timer;
    volatile unsigned calls_before; /* when it last expired */
};
static _Thread_local struct watch watch;

enum { WATCHED_COUNT = 4 };
static const int watched[WATCHED_COUNT] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
static struct sigaction former[WATCHED_COUNT];

void guard_enter(const char *mark_path) {
    calls++;
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

/* The same call as when the timer expired last? Then it has had all the time in between. */
static void on_timer(int signal_number, siginfo_t *info, void *context) {
    (void)signal_number;
    (void)context;
    if (info->si_code != SI_TIMER) {
        return;
    }
    if (inside && watch.calls_before == calls) {
        static const char message[] = "a call into LMDB does not end: the state cache is damaged, "
                                      "will be discarded at the next start\n";
        guard_mark(inside);
        (void)!write(STDERR_FILENO, message, sizeof message - 1);
        abort();
    }
    watch.calls_before = calls;
}

enum err_kind guard_watch(int cpu_ms, struct err *reterr) {
    struct sigaction action = {.sa_sigaction = on_timer,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGVTALRM, &action, NULL) != 0) {
        return err_set(reterr, ERR_BUG, "sigaction(%d): %s", SIGVTALRM, strerror(errno));
    }
    if (watch.pid != getpid()) {
        struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGVTALRM};
        event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
        if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &watch.timer) != 0) {
            return err_set(reterr, ERR_BUG, "timer_create: %s", strerror(errno));
        }
        watch.pid = getpid();
    }
    watch.calls_before = calls;
    struct timespec period = {cpu_ms / 1000, cpu_ms % 1000 * 1000000L};
    if (timer_settime(watch.timer, 0, &(struct itimerspec){period, period}, NULL) != 0) {
        return err_set(reterr, ERR_BUG, "timer_settime: %s", strerror(errno));
    }
    return ERR_NONE;
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
