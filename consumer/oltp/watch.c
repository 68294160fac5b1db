#include "oltp/watch.h"

#include "base/memory.h"
#include "oltp/history.h"

#include "base/clock.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define AWAY_MS  INT64_C(60000) /* without an answer: then the finding is red */
#define RETRY_MS INT64_C(2000)
#define JOIN_S   3

struct watch {
    pthread_t thread;
    struct watch_options o;
    char *slot, *publication;
    struct look_names names;
    int stop_fd;
    /* used by the thread only */
    struct link *link;
    struct look look;
    struct history *history;
    struct board_news news;
    int64_t answered_ms; /* the last answer, or the start */
    struct err away;     /* why there was none since: the first reason, which is logged once */
    uint32_t round;      /* the last acknowledgement seen */
};

static bool stopped(const struct watch *watch) {
    struct pollfd fd = {watch->stop_fd, POLLIN, 0};
    return poll(&fd, 1, 0) > 0;
}

static enum err_kind look_once(struct watch *watch, struct err *reterr) {
    look_clear(&watch->look);
    enum err_kind kind = watch->link ? ERR_NONE : link_open(&watch->o.link, &watch->link, reterr);
    if (kind == ERR_NONE) {
        kind = link_look(watch->link, watch->o.plan, &watch->names, &watch->look, reterr);
    }
    if (kind != ERR_NONE) {
        link_close(&watch->link);
    }
    return kind;
}

/* Takes a look and posts it to the board. Returns whether the database answered. */
static bool look_and_post(struct watch *watch) {
    struct clock clock = clock_real();
    struct err err = {0};
    uint32_t round = board_round(watch->o.board);
    if (round != watch->round) {
        history_forget(watch->history);
        watch->round = round;
    }
    enum err_kind kind = look_once(watch, &err);
    int64_t now_ms = clock_mono_ms(&clock);
    struct board_news *news = &watch->news;
    news->answered = kind == ERR_NONE;
    if (kind == ERR_NONE) {
        news->findings = (struct findings){0};
        history_look(watch->history, &watch->look, now_ms, &news->findings);
        news->slot_read = watch->look.slot.active;
        news->lag_bytes = watch->look.slot.exists ? watch->look.slot.lag_bytes : -1;
        news->looks++;
        watch->answered_ms = now_ms;
        watch->away.kind = ERR_NONE;
        (void)board_post(watch->o.board, round, news);
        return true;
    }
    if (watch->away.kind == ERR_NONE) {
        watch->away = err;
    }
    struct board_news away = *news; /* earlier findings stay */
    bool long_away = now_ms - watch->answered_ms >= AWAY_MS;
    findings_add(&away.findings, FINDING_AWAY, long_away ? FINDING_RED : FINDING_NOTE,
                 "the source can't be watched%s: %.300s", long_away ? " for a minute now" : "",
                 watch->away.message);
    (void)board_post(watch->o.board, round, &away);
    return false;
}

/* Waits until the next look is due or asked for, or until the end. */
static void wait_for_next(const struct watch *watch, int64_t wait_ms) {
    struct pollfd fds[] = {{watch->stop_fd, POLLIN, 0}, {board_fd(watch->o.board), POLLIN, 0}};
    (void)poll(fds, 2, (int)wait_ms);
}

static void *run(void *ctx) {
    struct watch *watch = ctx;
    while (!stopped(watch)) {
        bool answered = look_and_post(watch);
        /* After a red finding, looks again soon: it may be over. */
        bool calm = answered && !findings_any(&watch->news.findings, FINDING_RED);
        int64_t wait_ms = watch->o.interval_ms;
        wait_for_next(watch, calm || wait_ms < RETRY_MS ? wait_ms : RETRY_MS);
    }
    return NULL;
}

static void release(struct watch *watch) {
    link_close(&watch->link);
    look_clear(&watch->look);
    history_destroy(&watch->history);
    if (watch->stop_fd >= 0) {
        (void)close(watch->stop_fd);
    }
    free(watch->slot);
    free(watch->publication);
    free(watch);
}

struct watch *watch_start(const struct watch_options *options) {
    struct watch *watch = memory_new(1, sizeof *watch);
    struct clock clock = clock_real();
    watch->o = *options;
    watch->slot = memory_text(options->slot);
    watch->publication = memory_text(options->publication);
    watch->names = (struct look_names){watch->slot, watch->publication};
    watch->history = history_new(options->plan, &watch->names);
    watch->news.lag_bytes = -1;
    watch->answered_ms = clock_mono_ms(&clock);
    watch->stop_fd = eventfd(0, EFD_CLOEXEC);
    watch->o.link.stop_fd = watch->stop_fd;
    if (watch->stop_fd < 0 || pthread_create(&watch->thread, NULL, run, watch) != 0) {
        release(watch);
        return NULL;
    }
    return watch;
}

bool watch_stop(struct watch **watch) {
    static const uint64_t one = 1;
    struct watch *w = watch ? *watch : NULL;
    if (!w) {
        return true;
    }
    *watch = NULL;
    ssize_t put = write(w->stop_fd, &one, sizeof one);
    (void)put;
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += JOIN_S;
    if (pthread_timedjoin_np(w->thread, NULL, &until) != 0) {
        return false;
    }
    release(w);
    return true;
}
