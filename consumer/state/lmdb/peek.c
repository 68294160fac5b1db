#include "state/lmdb/peek.h"

#include "base/memory.h"
#include "state/checksummed.h"
#include "state/lmdb/folder.h"
#include "state/lmdb/guard.h"
#include "state/lmdb/lmdb_kv.h"
#include "state/meta.h"

#include <errno.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct peek {
    struct folder *folder;
    MDB_env *env;
    MDB_txn *txn;
    MDB_cursor *cursor;
    int table;         /* of cursor; -1: none yet */
    struct str before; /* the key that the cursor gave last */
    uint64_t left;     /* rows that it has still to give */
    size_t table_count;
};

static enum err_kind fail(const struct peek *peek, int rc, struct err *reterr) {
    const char *path = folder_data_path(peek->folder);
    if (rc == ENOMEM || rc == EACCES || rc == EPERM || rc == EMFILE || rc == ENFILE) {
        return folder_error(reterr, path, "can't be read", rc);
    }
    return err_set(reterr, ERR_CACHE, "%.300s: %s; a member would rebuild this cache", path,
                   mdb_strerror(rc));
}

/* The file has all pages that it counts: reading past its end would be SIGBUS. */
static int check_length(const struct peek *peek, off_t file_bytes) {
    MDB_envinfo info;
    MDB_stat stat;
    int rc = mdb_env_info(peek->env, &info);
    rc = rc ? rc : mdb_env_stat(peek->env, &stat);
    if (rc != 0) {
        return rc;
    }
    return (off_t)((info.me_last_pgno + 1) * stat.ms_psize) > file_bytes ? MDB_CORRUPTED : 0;
}

/* Inside the guard. No lock table, as members have none: the folder's lock keeps writers away. */
static int open_env(struct peek *peek, off_t file_bytes) {
    int rc = mdb_env_create(&peek->env);
    rc = rc ? rc : mdb_env_set_maxdbs(peek->env, KV_SPACES_MAX);
    rc = rc ? rc : mdb_env_set_mapsize(peek->env, (size_t)file_bytes);
    rc =
        rc ? rc : mdb_env_open(peek->env, folder_path(peek->folder), MDB_RDONLY | MDB_NOLOCK, 0644);
    rc = rc ? rc : check_length(peek, file_bytes);
    return rc ? rc : mdb_txn_begin(peek->env, NULL, MDB_RDONLY, &peek->txn);
}

/* Inside the guard. MDB_NOTFOUND: there is no such space. */
static int open_space(struct peek *peek, int space, MDB_dbi *ret_dbi, uint64_t *ret_count) {
    char name[16];
    MDB_stat stat = {0};
    (void)snprintf(name, sizeof name, "%d", space);
    int rc = mdb_dbi_open(peek->txn, name, 0, ret_dbi);
    rc = rc ? rc : mdb_stat(peek->txn, *ret_dbi, &stat);
    *ret_count = stat.ms_entries;
    return rc;
}

static int open_cursor(struct peek *peek, int space, MDB_cursor **ret_cursor, uint64_t *ret_count) {
    MDB_dbi dbi = 0;
    int rc = open_space(peek, space, &dbi, ret_count);
    return rc ? rc : mdb_cursor_open(peek->txn, dbi, ret_cursor);
}

static int count_rows(struct peek *peek, uint64_t *ret_count) {
    *ret_count = 0;
    int rc = 0;
    for (int table = 0; rc == 0 && table < (int)peek->table_count; table++) {
        MDB_dbi dbi = 0;
        uint64_t count = 0;
        rc = open_space(peek, ROWS_SPACE + table, &dbi, &count);
        *ret_count += count;
    }
    return rc;
}

static int read_meta(struct peek *peek, struct meta_record *record, enum meta_verdict *verdict) {
    MDB_cursor *cursor = NULL;
    uint64_t count = 0;
    int rc = open_cursor(peek, META_SPACE, &cursor, &count);
    MDB_val key, value;
    rc = rc ? rc : mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    if (rc == 0) {
        *verdict = meta_decode((struct str){value.mv_data, value.mv_size}, record);
    }
    mdb_cursor_close(cursor);
    return rc;
}

static enum err_kind open_at(struct peek *peek, off_t file_bytes, struct peek_meta *ret_meta,
                             bool *ret_empty, struct err *reterr) {
    struct meta_record record = {.table_count = peek->table_count};
    enum meta_verdict verdict = META_DAMAGED;
    uint64_t row_count = 0;
    guard_enter(folder_mark_path(peek->folder));
    int rc = open_env(peek, file_bytes);
    rc = rc ? rc : read_meta(peek, &record, &verdict);
    rc = rc || verdict != META_GOOD ? rc : count_rows(peek, &row_count);
    guard_leave();
    if (rc == MDB_NOTFOUND) {
        *ret_empty = true; /* nothing was ever committed */
        return ERR_NONE;
    }
    if (rc != 0) {
        return fail(peek, rc, reterr);
    }
    if (verdict != META_GOOD) {
        return err_set(reterr, ERR_CACHE, "%.300s: %s; a member would rebuild this cache",
                       folder_data_path(peek->folder),
                       verdict == META_FOREIGN
                           ? "of another format, or of a view with another number of tables"
                           : "its offsets are damaged");
    }
    *ret_meta = (struct peek_meta){.wall_ms = record.wall_ms,
                                   .row_count = row_count,
                                   .incomplete = record.incomplete,
                                   .identity = record.identity};
    memcpy(ret_meta->offsets, record.offsets, sizeof ret_meta->offsets);
    return ERR_NONE;
}

enum err_kind peek_open(const char *dir, int32_t task, size_t table_count, struct peek **ret_peek,
                        struct peek_meta *ret_meta, struct err *reterr) {
    *ret_peek = NULL;
    struct folder *folder = NULL;
    enum err_kind kind = folder_peek(dir, task, &folder, reterr);
    if (kind != ERR_NONE || !folder) {
        return kind;
    }
    struct peek *peek = memory_new(1, sizeof *peek);
    *peek = (struct peek){.folder = folder, .table = -1, .table_count = table_count};
    struct stat file = {0};
    bool empty = stat(folder_data_path(folder), &file) != 0 && errno == ENOENT;
    if (folder_condition(folder) != FOLDER_INTACT) {
        kind = err_set(reterr, ERR_CACHE,
                       "%.300s: marked as damaged, or not synced before the machine was started "
                       "again; a member would rebuild this cache",
                       folder_path(folder));
    } else if (!empty) {
        kind = open_at(peek, file.st_size, ret_meta, &empty, reterr);
    }
    if (kind != ERR_NONE || empty) {
        peek_close(&peek);
    }
    *ret_peek = peek;
    return kind;
}

/* Inside the guard. */
static int move(struct peek *peek, int table, MDB_val *key, MDB_val *value) {
    if (peek->table == table) {
        return mdb_cursor_get(peek->cursor, key, value, MDB_NEXT);
    }
    mdb_cursor_close(peek->cursor);
    peek->cursor = NULL;
    peek->before = STR_NONE;
    peek->table = table;
    int rc = open_cursor(peek, ROWS_SPACE + table, &peek->cursor, &peek->left);
    return rc ? rc : mdb_cursor_get(peek->cursor, key, value, MDB_FIRST);
}

enum err_kind peek_next(struct peek *peek, int table, struct str *ret_key, struct str *ret_value,
                        struct err *reterr) {
    MDB_val k, v;
    struct str key = STR_NONE, value = STR_NONE;
    bool valid = true;
    guard_enter(folder_mark_path(peek->folder));
    int rc = move(peek, table, &k, &v);
    if (rc == 0) {
        key = (struct str){k.mv_data, k.mv_size};
        struct str stored = {v.mv_data, v.mv_size};
        /* reads every byte, while we are guarded */
        valid = checksum_remove(ROWS_SPACE + table, key, stored, &value) && peek->left-- > 0 &&
                (!peek->before.ptr || str_compare(peek->before, key) < 0);
        peek->before = key;
    }
    guard_leave();
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return fail(peek, rc, reterr);
    }
    if (!valid) {
        return err_set(reterr, ERR_CACHE,
                       "%.300s: a row of table %d fails its checksum or is in a wrong place; a "
                       "member would rebuild this cache",
                       folder_data_path(peek->folder), table);
    }
    if (rc == MDB_NOTFOUND && peek->left > 0) {
        return err_set(reterr, ERR_CACHE,
                       "%.300s: %" PRIu64 " rows of table %d can't be found; a member would "
                       "rebuild this cache",
                       folder_data_path(peek->folder), peek->left, table);
    }
    *ret_key = key;
    *ret_value = value;
    return ERR_NONE;
}

void peek_close(struct peek **peek) {
    if (!peek || !*peek) {
        return;
    }
    struct peek *p = *peek;
    guard_enter(folder_mark_path(p->folder));
    mdb_cursor_close(p->cursor);
    mdb_txn_abort(p->txn);
    if (p->env) {
        mdb_env_close(p->env);
    }
    guard_leave();
    folder_close(&p->folder);
    free(p);
    *peek = NULL;
}
