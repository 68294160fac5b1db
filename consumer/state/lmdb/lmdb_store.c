#include "state/lmdb/lmdb_store.h"

#include "base/memory.h"
#include "state/lmdb/folder.h"
#include "state/lmdb/guard.h"
#include "state/lmdb/lmdb_kv.h"

#include <errno.h>
#include <linux/magic.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xff534d42
#endif
#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xfe534d42
#endif

/* An environment's list of dirty pages: 2 MiB, of which little is ever used. As a mapping of its
 * own it takes what is used; from the heap, calloc would clear it all. glibc would take it from the
 * heap once the first environment has been closed, hence a fixed threshold. */
#define LIST_BYTES (2 << 20)

/* Processor time of one call into LMDB after which it is taken to loop on a damaged page. The
 * longest good ones, commits of a transaction's most pages, take some 0.3 s of it, however slow the
 * disk. A member is away for as long, so not much more. */
#define LMDB_CALL_CPU_MS 10000

struct lmdb_store {
    char *dir;
    struct lmdb_pool pool;
};

static enum err_kind unusable(struct err *reterr, const char *dir, const char *why) {
    return err_set(reterr, ERR_CONFIG,
                   "the folder of the state cache, %.300s: %s; it must be a folder on a local "
                   "disk that this user may write to",
                   dir, why);
}

/* mkdir -p */
static enum err_kind make_dirs(const char *dir, struct err *reterr) {
    char *path = memory_text(dir);
    enum err_kind kind = ERR_NONE;
    for (char *slash = path + 1; kind == ERR_NONE && slash; slash++) {
        slash = strchr(slash, '/');
        if (slash) {
            *slash = '\0';
        }
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            kind = unusable(reterr, dir, strerror(errno));
        }
        if (!slash) {
            break;
        }
        *slash = '/';
    }
    free(path);
    return kind;
}

enum err_kind lmdb_store_new(const char *dir, struct lmdb_store **ret_store, struct err *reterr) {
    if (dir[0] == '\0') {
        return unusable(reterr, dir, "no name given");
    }
    enum err_kind kind = make_dirs(dir, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct statfs fs;
    if (statfs(dir, &fs) != 0 || access(dir, R_OK | W_OK | X_OK) != 0) {
        return unusable(reterr, dir, strerror(errno));
    }
    unsigned long type = (unsigned long)fs.f_type & 0xffffffffUL;
    if (type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == CIFS_SUPER_MAGIC ||
        type == SMB2_SUPER_MAGIC) {
        return unusable(reterr, dir, "a network mount");
    }
    struct lmdb_store *store = memory_new(1, sizeof *store);
    store->pool.map_bytes = LMDB_MAP_BYTES;
    (void)mallopt(M_MMAP_THRESHOLD, LIST_BYTES * 3 / 4);
    store->dir = realpath(dir, NULL); /* absolute: the mark of a crash must not depend on chdir */
    if (!store->dir) {
        kind = unusable(reterr, dir, strerror(errno));
        free(store);
        return kind;
    }
    *ret_store = store;
    return ERR_NONE;
}

void lmdb_store_destroy(struct lmdb_store **store) {
    if (*store) {
        free((*store)->dir);
        free(*store);
        *store = NULL;
    }
}

void lmdb_store_map_bytes(struct lmdb_store *store, size_t map_bytes) {
    store->pool.map_bytes = map_bytes;
}

/* kv.h's parameters. NOLINTNEXTLINE(readability-function-size) */
static enum err_kind open_store(void *ctx, int32_t task, const char *suffix, int spaces,
                                struct kv **ret_kv, bool *ret_was_damaged, struct err *reterr) {
    struct lmdb_store *store = ctx;
    struct folder *folder = NULL;
    enum err_kind kind = folder_open(store->dir, task, suffix, &folder, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    enum folder_condition condition = folder_condition(folder);
    if (condition != FOLDER_INTACT) {
        kind = folder_wipe(folder, reterr);
        if (kind != ERR_NONE) {
            folder_close(&folder);
            return kind;
        }
    }
    bool damaged = false;
    kind = lmdb_kv_open(folder, spaces, &store->pool, ret_kv, &damaged, reterr);
    if (kind == ERR_NONE) {
        *ret_was_damaged = damaged || condition == FOLDER_DAMAGED;
    }
    return kind;
}

struct kv_factory lmdb_store_factory(struct lmdb_store *store) {
    return (struct kv_factory){lmdb_kv_ops(), store, LMDB_PART_BYTES, open_store};
}

enum err_kind lmdb_store_guard(struct err *reterr) {
    enum err_kind kind = guard_install(reterr);
    return kind != ERR_NONE ? kind : guard_watch(LMDB_CALL_CPU_MS, reterr);
}
