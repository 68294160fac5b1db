/* The time, waiting, and what is told meanwhile. */
#include "base/clock.h"
#include "verify/impl.h"

#include <poll.h>

#define SHOW_MS 200

int64_t verify_now(void) {
    struct clock clock = clock_real();
    return clock_mono_ms(&clock);
}

enum err_kind verify_sleep(const struct verify *verify, int64_t ms, struct err *reterr) {
    const struct verify_options *options = verify->options;
    int64_t end_ms = verify_now() + ms;
    for (int64_t left_ms = ms; left_ms > 0; left_ms = end_ms - verify_now()) {
        int64_t part_ms = left_ms < SHOW_MS ? left_ms : SHOW_MS;
        const struct timespec time = {.tv_nsec = part_ms * 1000000};
        (void)ppoll(NULL, 0, &time, options->waiting);
        if (options->stopped && options->stopped(options->ctx)) {
            return err_set(reterr, ERR_RETRY, "stopped");
        }
    }
    return ERR_NONE;
}

void verify_progress(struct verify *verify) {
    int64_t now_ms = verify_now();
    if (!verify->options->progress || now_ms - verify->shown_ms < SHOW_MS) {
        return;
    }
    verify->shown_ms = now_ms;
    verify->progress.since_ms = now_ms - verify->started_ms;
    verify->progress.pending = verify->pending.count;
    verify->options->progress(verify->options->ctx, &verify->progress);
}
