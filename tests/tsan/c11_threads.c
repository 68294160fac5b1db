/* C11's threads by way of POSIX's, for builds with ThreadSanitizer.
 *
 * librdkafka (Debian's) starts its threads with C11's thrd_create. ThreadSanitizer of GCC 12 knows
 * pthread_create only: a thread it has not seen start crashes at its first intercepted call. Names
 * in the program come before those in libc, so librdkafka's calls end here. glibc's types are the
 * same ones underneath.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "glibc's mtx_t is a pthread_mutex_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "glibc's cnd_t is a pthread_cond_t");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "glibc's thrd_t is a pthread_t");

/* Found by every caller, also in shared libraries. */
#define EXPORT __attribute__((visibility("default"), used))

struct start {
    thrd_start_t function;
    void *argument;
};

static void *run(void *ctx) {
    struct start start = *(struct start *)ctx;
    free(ctx);
    return (void *)(long)start.function(start.argument);
}

static int result(int code) {
    return code == 0 ? thrd_success : thrd_error;
}

EXPORT int thrd_create(thrd_t *thread, thrd_start_t function, void *argument) {
    struct start *start = malloc(sizeof *start);
    if (!start) {
        return thrd_nomem;
    }
    *start = (struct start){function, argument};
    int code = pthread_create(thread, NULL, run, start);
    if (code != 0) {
        free(start);
    }
    return result(code);
}

EXPORT int thrd_join(thrd_t thread, int *ret_code) {
    void *code = NULL;
    int joined = pthread_join(thread, &code);
    if (joined == 0 && ret_code) {
        *ret_code = (int)(long)code;
    }
    return result(joined);
}

EXPORT int mtx_init(mtx_t *mutex, int type) {
    pthread_mutexattr_t attributes;
    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_settype(&attributes, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE
                                                                      : PTHREAD_MUTEX_NORMAL);
    int code = pthread_mutex_init((pthread_mutex_t *)mutex, &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
    return result(code);
}

EXPORT void mtx_destroy(mtx_t *mutex) {
    (void)pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

EXPORT int mtx_lock(mtx_t *mutex) {
    return result(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

EXPORT int mtx_unlock(mtx_t *mutex) {
    return result(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

EXPORT int cnd_init(cnd_t *condition) {
    return result(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

EXPORT void cnd_destroy(cnd_t *condition) {
    (void)pthread_cond_destroy((pthread_cond_t *)condition);
}

EXPORT int cnd_signal(cnd_t *condition) {
    return result(pthread_cond_signal((pthread_cond_t *)condition));
}

EXPORT int cnd_broadcast(cnd_t *condition) {
    return result(pthread_cond_broadcast((pthread_cond_t *)condition));
}

EXPORT int cnd_wait(cnd_t *condition, mtx_t *mutex) {
    return result(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

EXPORT int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until) {
    int code = pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until);
    return code == ETIMEDOUT ? thrd_timedout : result(code);
}

EXPORT void call_once(once_flag *flag, void (*function)(void)) {
    (void)pthread_once((pthread_once_t *)flag, function);
}
