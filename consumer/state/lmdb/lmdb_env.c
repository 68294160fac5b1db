#include "state/lmdb/lmdb_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* No WRITEMAP: a full disk would come as SIGBUS, and a stray pointer of ours could write into the
 * cache. NOLOCK: folder.h's lock instead (in containers every pid is 1). NOSYNC: a crash of the
 * process loses nothing; a crash of the machine is noticed by the boot id. NOMEMINIT: what is
 * stored is no secret to its own folder. Read-ahead stays on: rebuild and COPY read in key order.
 */
#define ENV_FLAGS (MDB_NOSYNC | MDB_NOLOCK | MDB_NOMEMINIT)

/* What is tried where there is no address space for the map: a 16th, which leaves room for the
 * other tasks. */
#define MAP_STEP_DOWN      4
#define MAP_BYTES_MIN      ((size_t)1 << 20)
#define ENV_HEAP_BYTES     ((size_t)8 << 20) /* an environment's lists, generously */
#define COMMIT_SPARE_BYTES ((size_t)1 << 20) /* beside the changes: branches, the free list */

bool lmdb_is_damage(int rc) {
    switch (rc) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_PANIC:
    case MDB_INCOMPATIBLE:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_NOTFOUND: /* within a commit; a look-up's is none of ours */
    case MDB_KEYEXIST:
    case MDB_MAP_RESIZED: /* nobody else writes: a wrong number of pages */
    case MDB_BAD_TXN:     /* see lmdb_fail */
        return true;
    default:
        return false;
    }
}

struct lmdb_pages lmdb_env_pages(const struct kv *kv) {
    MDB_envinfo info = {0};
    (void)mdb_env_info(kv->env, &info); /* fails without an environment only */
    return (struct lmdb_pages){kv->map_start, info.me_last_pgno + 1, kv->page_bytes};
}

static int check_tree(const struct kv *kv) {
    struct lmdb_pages pages = lmdb_env_pages(kv);
    return lmdb_tree_check(kv->env, &pages);
}

/* An error of the system: is the file damaged? From a damaged list of free pages LMDB asks for a
 * million million bytes, or writes where no file can be. */
static int blame(const struct kv *kv, int rc) {
    if (rc <= 0 || !kv->env) {
        return rc;
    }
    lmdb_enter(kv);
    int found = lmdb_leave(check_tree(kv));
    /* PANIC: LMDB does not go on after an error of the disk, and lets nobody look. */
    return lmdb_is_damage(found) && found != MDB_PANIC ? MDB_CORRUPTED : rc;
}

enum err_kind lmdb_fail(struct kv *kv, int rc, const char *doing, struct err *reterr) {
    const char *path = folder_data_path(kv->folder);
    rc = blame(kv, rc);
    if (rc == MDB_BAD_TXN) {
        /* We don't go on after an error. It is mdb_cursor_init, in mdb_cursor_open and mdb_stat,
         * that drops the error of a root that can't be read, which then is the next call's. */
        rc = MDB_CORRUPTED;
    }
    if (lmdb_is_damage(rc)) {
        (void)err_set(&kv->broken, ERR_CACHE,
                      "%.300s: %s: %s; the cache is damaged and will be rebuilt", path, doing,
                      mdb_strerror(rc));
    } else if (rc == MDB_MAP_FULL) {
        kv->map_full = true;
        (void)err_set(&kv->broken, ERR_RETRY,
                      "%.300s: %s: the map of %zu bytes is full; it grows before the next "
                      "transaction, if the limit of address space (ulimit -v) allows it",
                      path, doing, kv->map_bytes);
    } else if (rc == MDB_TXN_FULL) {
        (void)err_set(&kv->broken, ERR_RETRY,
                      "%.300s: %s: too many changes in one transaction; commit more often", path,
                      doing);
    } else if (rc > 0) {
        (void)folder_error(&kv->broken, path, doing, rc);
    } else {
        (void)err_set(&kv->broken, ERR_BUG, "%.300s: %s: %s", path, doing, mdb_strerror(rc));
    }
    if (reterr) {
        *reterr = kv->broken;
    }
    return kv->broken.kind;
}

enum err_kind lmdb_still_broken(const struct kv *kv, struct err *reterr) {
    if (reterr) {
        *reterr = kv->broken;
    }
    return kv->broken.kind;
}

static void end_txn(struct kv *kv) {
    kv->txn = NULL;
    kv->changed = false;
    kv->inserted_bytes = kv->large_pages = 0;
    for (int i = 0; i < kv->space_count; i++) {
        /* LMDB frees the cursors of a write transaction with it. */
        kv->spaces[i] = (struct space){.dbi = kv->spaces[i].dbi};
    }
}

void lmdb_abort(struct kv *kv) {
    if (kv->txn) {
        lmdb_enter(kv);
        mdb_txn_abort(kv->txn);
        (void)lmdb_leave(0);
    }
    end_txn(kv);
}

static void on_assert(MDB_env *env, const char *message) {
    (void)message; /* LMDB prints it and aborts */
    const struct kv *kv = mdb_env_get_userctx(env);
    guard_mark(folder_mark_path(kv->folder));
}

void lmdb_env_close(struct kv *kv) {
    lmdb_abort(kv);
    if (kv->env) {
        lmdb_enter(kv);
        mdb_env_close(kv->env);
        (void)lmdb_leave(0);
        kv->env = NULL;
        kv->pool->kept_bytes -= kv->kept_bytes;
        kv->kept_bytes = 0;
    }
}

/* Where LMDB put the map: its interface does not say. Not found (no /proc): every leaf
 * counts as clean, which makes commits smaller than they need be, and no page is verified. */
static void find_map(struct kv *kv) {
    kv->map_start = kv->map_end = NULL;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) {
        return;
    }
    const char *path = folder_data_path(kv->folder);
    size_t path_len = strlen(path);
    char *line = NULL;
    size_t size = 0;
    for (ssize_t len = getline(&line, &size, maps); len > 0; len = getline(&line, &size, maps)) {
        void *start = NULL, *end = NULL;
        size_t line_len = (size_t)len - 1; /* without the newline */
        if (line_len > path_len && memcmp(line + line_len - path_len, path, path_len) == 0 &&
            line[line_len - path_len - 1] == ' ' && sscanf(line, "%p-%p", &start, &end) == 2) {
            kv->map_start = start;
            kv->map_end = end;
        }
    }
    free(line);
    (void)fclose(maps);
}

/* Pages at the end that were taken and given back in one transaction are never written: the file
 * may be shorter than the pages it counts. check: is it? Otherwise: make it as long. (A
 * kill between commit and here costs the cache: microseconds, and only when the end was given
 * back.) */
static int cover_pages(const struct kv *kv, bool check) {
    MDB_envinfo info;
    struct stat file;
    int fd = -1;
    int rc = mdb_env_info(kv->env, &info);
    rc = rc ? rc : mdb_env_get_fd(kv->env, &fd);
    if (rc != 0) {
        return rc;
    }
    if (fstat(fd, &file) != 0) {
        return errno;
    }
    off_t needed = (off_t)((info.me_last_pgno + 1) * kv->page_bytes);
    if (file.st_size >= needed) {
        return 0;
    }
    if (check) {
        return MDB_CORRUPTED; /* cut off: reading there would be SIGBUS */
    }
    return ftruncate(fd, needed) == 0 ? 0 : errno;
}

static int open_spaces(struct kv *kv) {
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(kv->env, NULL, 0, &txn);
    if (rc != 0) {
        return rc;
    }
    for (int i = 0; rc == 0 && i < kv->space_count; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        rc = mdb_dbi_open(txn, name, MDB_CREATE, &kv->spaces[i].dbi);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* One attempt, inside the guard. What is there is checked before anything is written. */
static int try_env(struct kv *kv) {
    int rc = mdb_env_create(&kv->env);
    if (rc != 0) {
        return rc;
    }
    (void)mdb_env_set_userctx(kv->env, kv);
    (void)mdb_env_set_assert(kv->env, on_assert);
    rc = mdb_env_set_maxdbs(kv->env, KV_SPACES_MAX);
    rc = rc ? rc : mdb_env_set_mapsize(kv->env, kv->map_bytes);
    rc = rc ? rc : mdb_env_open(kv->env, folder_path(kv->folder), ENV_FLAGS, 0644);
    if (rc != 0) {
        return rc;
    }
    MDB_stat stat = {0};
    rc = mdb_env_stat(kv->env, &stat);
    kv->page_bytes = stat.ms_psize;
    find_map(kv);
    rc = rc ? rc : cover_pages(kv, true);
    if (rc == 0 && !kv->checked) {
        rc = check_tree(kv);
        kv->checked = rc == 0;
    }
    rc = rc ? rc : open_spaces(kv);
    return rc ? rc : cover_pages(kv, false);
}

/* LMDB maps as many pages as the file says it has. There would be room for those it has? */
static bool asked_too_much(off_t file_bytes) {
    if (file_bytes <= 2 * sysconf(_SC_PAGESIZE)) {
        return false; /* nothing in it yet */
    }
    size_t bytes = (size_t)file_bytes + ENV_HEAP_BYTES;
    void *room = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room != MAP_FAILED && munmap(room, bytes) == 0;
}

int lmdb_env_open(struct kv *kv) {
    struct stat file;
    off_t file_bytes = stat(folder_data_path(kv->folder), &file) == 0 ? file.st_size : 0;
    for (;;) {
        lmdb_enter(kv);
        int rc = lmdb_leave(try_env(kv));
        if (rc == 0) {
            return 0;
        }
        lmdb_env_close(kv);
        if (rc != ENOMEM || kv->map_bytes >> MAP_STEP_DOWN < MAP_BYTES_MIN) {
            return (rc == ENOMEM || rc == EINVAL) && asked_too_much(file_bytes) ? MDB_CORRUPTED
                                                                                : rc;
        }
        kv->map_bytes >>= MAP_STEP_DOWN;
    }
}

/* LMDB could grow the map in place, but has none left when that fails: better a new environment. */
static int grow(struct kv *kv) {
    size_t before = kv->map_bytes;
    lmdb_env_close(kv);
    kv->map_bytes = before * 2;
    int rc = lmdb_env_open(kv);
    if (rc == 0 && kv->map_bytes < before) {
        lmdb_env_close(kv);
        kv->map_bytes = before;
        kv->map_capped = true;
        rc = lmdb_env_open(kv);
    }
    return rc;
}

static bool wants_growth(const struct kv *kv) {
    MDB_envinfo info;
    lmdb_enter(kv);
    int rc = lmdb_leave(mdb_env_info(kv->env, &info));
    return rc == 0 && !kv->map_capped &&
           (kv->map_full || (info.me_last_pgno + 1) * kv->page_bytes > kv->map_bytes / 2);
}

enum err_kind lmdb_begin(struct kv *kv, struct err *reterr) {
    if (kv->broken.kind != ERR_NONE) {
        return lmdb_still_broken(kv, reterr);
    }
    if (kv->txn) {
        return ERR_NONE;
    }
    int rc = 0;
    if (!kv->env) {
        rc = lmdb_env_open(kv);
    } else if (wants_growth(kv)) {
        rc = grow(kv);
    }
    kv->map_full = false;
    if (rc != 0) {
        return lmdb_fail(kv, rc, "can't be opened", reterr);
    }
    lmdb_enter(kv);
    rc = lmdb_leave(mdb_txn_begin(kv->env, NULL, 0, &kv->txn));
    if (rc != 0) {
        kv->txn = NULL;
        return lmdb_fail(kv, rc, "can't begin a transaction", reterr);
    }
    return ERR_NONE;
}

/* See LMDB_KEPT_BYTES. */
static void count_kept(struct kv *kv, size_t held_bytes) {
    if (held_bytes > kv->kept_bytes) {
        kv->pool->kept_bytes += held_bytes - kv->kept_bytes;
        kv->kept_bytes = held_bytes;
    }
    if (kv->pool->kept_bytes > LMDB_KEPT_BYTES && kv->kept_bytes > LMDB_KEPT_SMALL) {
        lmdb_env_close(kv);
    }
}

/* A commit failed, as on a full disk. If there was room for it, LMDB has written to pages that a
 * damaged one named, and would again. */
static int blame_disk(const struct kv *kv, int rc, size_t held_bytes) {
    struct stat file;
    int fd = -1;
    if ((rc != EIO && rc != EINVAL && rc != EFBIG) || mdb_env_get_fd(kv->env, &fd) != 0 ||
        fstat(fd, &file) != 0) {
        return rc;
    }
    bool is_room = posix_fallocate(fd, file.st_size, (off_t)(held_bytes + COMMIT_SPARE_BYTES)) == 0;
    return ftruncate(fd, file.st_size) == 0 && is_room ? MDB_CORRUPTED : rc;
}

enum err_kind lmdb_commit(struct kv *kv, size_t held_bytes, struct err *reterr) {
    if (kv->changed) {
        enum err_kind kind = folder_unsynced(kv->folder, &kv->broken);
        if (kind != ERR_NONE) {
            return lmdb_still_broken(kv, reterr);
        }
    }
    lmdb_enter(kv);
    int rc = mdb_txn_commit(kv->txn);
    kv->txn = NULL;
    rc = lmdb_leave(rc ? rc : cover_pages(kv, false));
    rc = blame_disk(kv, rc, held_bytes);
    end_txn(kv);
    if (rc != 0) {
        return lmdb_fail(kv, rc, "can't be committed", reterr);
    }
    count_kept(kv, held_bytes);
    return ERR_NONE;
}
