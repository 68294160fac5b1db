#include "state/lmdb/peek.h"

#include "base/memory.h"
#include "state/checksummed.h"
#include "state/entry.h"
#include "state/lmdb/folder.h"
#include "state/lmdb/guard.h"
#include "state/lmdb/lmdb_cursor.h"
#include "state/lmdb/lmdb_kv.h"
#include "state/meta.h"
#include "state/write_buffer.h"

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
    int space;         /* of cursor; -1: none yet */
    struct str before; /* the key that the cursor gave last */
    uint64_t left;     /* entries that it has still to give */
    struct state_layout layout;
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
    for (int table = 0; rc == 0 && table < (int)peek->layout.table_count; table++) {
        MDB_dbi dbi = 0;
        uint64_t count = 0;
        rc = open_space(peek, ROWS_SPACE + table, &dbi, &count);
        *ret_count += count;
    }
    return rc;
}

static int read_meta(struct peek *peek, struct meta_record *record, enum meta_verdict *verdict,
                     bool *torn) {
    MDB_dbi dbi = 0;
    uint64_t count = 0;
    MDB_val key = lmdb_val(META_KEY), value = {0};
    int rc = open_space(peek, META_SPACE, &dbi, &count);
    rc = rc ? rc : mdb_get(peek->txn, dbi, &key, &value);
    if (rc == MDB_NOTFOUND && count > 0) {
        rc = MDB_CORRUPTED;
    }
    if (rc == 0) {
        *verdict = meta_decode((struct str){value.mv_data, value.mv_size}, record);
        key = lmdb_val(TORN_KEY);
        *torn = mdb_get(peek->txn, dbi, &key, &value) == 0;
    }
    return rc;
}

static enum err_kind open_at(struct peek *peek, off_t file_bytes, struct peek_meta *ret_meta,
                             bool *ret_empty, struct err *reterr) {
    struct meta_record record = {.table_count = peek->layout.table_count};
    enum meta_verdict verdict = META_DAMAGED;
    uint64_t row_count = 0;
    bool torn = false;
    guard_enter(folder_mark_path(peek->folder));
    int rc = open_env(peek, file_bytes);
    rc = rc ? rc : read_meta(peek, &record, &verdict, &torn);
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
                                   .torn = torn,
                                   .identity = record.identity};
    memcpy(ret_meta->offsets, record.offsets, sizeof ret_meta->offsets);
    return ERR_NONE;
}

enum err_kind peek_open(const char *dir, int32_t task, const struct state_layout *layout,
                        struct peek **ret_peek, struct peek_meta *ret_meta, struct err *reterr) {
    *ret_peek = NULL;
    struct folder *folder = NULL;
    enum err_kind kind = folder_peek(dir, task, &folder, reterr);
    if (kind != ERR_NONE || !folder) {
        return kind;
    }
    struct peek *peek = memory_new(1, sizeof *peek);
    *peek = (struct peek){.folder = folder, .space = -1, .layout = *layout};
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
static int move(struct peek *peek, int space, MDB_val *key, MDB_val *value) {
    if (peek->space == space) {
        return mdb_cursor_get(peek->cursor, key, value, MDB_NEXT);
    }
    mdb_cursor_close(peek->cursor);
    peek->cursor = NULL;
    peek->before = STR_NONE;
    peek->space = space;
    int rc = open_cursor(peek, space, &peek->cursor, &peek->left);
    return rc ? rc : mdb_cursor_get(peek->cursor, key, value, MDB_FIRST);
}

/* what: a space's entries are, in one word. */
static enum err_kind next_in(struct peek *peek, int space, const char *what, struct str ret[2],
                             struct err *reterr) {
    MDB_val k, v;
    struct str key = STR_NONE, value = STR_NONE;
    bool valid = true;
    guard_enter(folder_mark_path(peek->folder));
    int rc = move(peek, space, &k, &v);
    if (rc == 0) {
        key = (struct str){k.mv_data, k.mv_size};
        struct str stored = {v.mv_data, v.mv_size};
        /* reads every byte, while we are guarded */
        valid = checksum_remove(space, key, stored, &value) && peek->left-- > 0 &&
                (!peek->before.ptr || str_compare(peek->before, key) < 0);
        peek->before = key;
    }
    guard_leave();
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return fail(peek, rc, reterr);
    }
    int number = space - (space < INDEX_SPACE((int)peek->layout.table_count)
                              ? ROWS_SPACE
                              : INDEX_SPACE((int)peek->layout.table_count));
    if (!valid) {
        return err_set(reterr, ERR_CACHE,
                       "%.300s: an entry of %s %d fails its checksum or is in a wrong place; a "
                       "member would rebuild this cache",
                       folder_data_path(peek->folder), what, number);
    }
    if (rc == MDB_NOTFOUND && peek->left > 0) {
        return err_set(reterr, ERR_CACHE,
                       "%.300s: %" PRIu64 " entries of %s %d can't be found; a member would "
                       "rebuild this cache",
                       folder_data_path(peek->folder), peek->left, what, number);
    }
    ret[0] = key;
    ret[1] = value;
    return ERR_NONE;
}

enum err_kind peek_next(struct peek *peek, int table, struct str *ret_key, struct str *ret_value,
                        struct err *reterr) {
    struct str row[2] = {STR_NONE, STR_NONE};
    enum err_kind kind = next_in(peek, ROWS_SPACE + table, "table", row, reterr);
    *ret_key = row[0];
    *ret_value = row[1];
    return kind;
}

/* ---- the indexes ---- */

/* What is being compared. */
struct comparison {
    int table, space;
    size_t reference;
    uint64_t expected, found; /* entries: of the rows; of the index */
    struct buf entry;
};

static enum err_kind disagree(const struct peek *peek, const struct comparison *c, const char *how,
                              struct err *reterr) {
    return err_set(reterr, ERR_CACHE,
                   "%.300s: %s index %d and the rows of table %d; remove its folder, so that a "
                   "member rebuilds the cache",
                   folder_data_path(peek->folder), how,
                   c->space - INDEX_SPACE((int)peek->layout.table_count), c->table);
}

static enum err_kind find_entry(struct peek *peek, const struct comparison *c, MDB_dbi dbi,
                                bool *ret_found, struct err *reterr) {
    MDB_val key = {c->entry.len, c->entry.ptr}, value = {0};
    struct str ignored;
    guard_enter(folder_mark_path(peek->folder));
    int rc = mdb_get(peek->txn, dbi, &key, &value);
    *ret_found = rc == 0 && checksum_remove(c->space, buf_view(&c->entry),
                                            (struct str){value.mv_data, value.mv_size}, &ignored);
    guard_leave();
    return rc == 0 || rc == MDB_NOTFOUND ? ERR_NONE : fail(peek, rc, reterr);
}

/* Every row's entry is there. */
static enum err_kind compare_rows(struct peek *peek, struct comparison *c, MDB_dbi dbi,
                                  struct err *reterr) {
    struct str row[2] = {STR_NONE, STR_NONE};
    peek->space = -1;
    for (;;) {
        enum err_kind kind = next_in(peek, ROWS_SPACE + c->table, "table", row, reterr);
        if (kind != ERR_NONE || !row[0].ptr) {
            return kind;
        }
        bool found = true;
        kind = entry_make(&peek->layout, c->table, c->reference, row, &c->entry, reterr);
        if (kind == ERR_NONE && c->entry.len > 0) {
            c->expected++;
            kind = find_entry(peek, c, dbi, &found, reterr);
        }
        if (kind != ERR_NONE || !found) {
            return kind != ERR_NONE ? kind : disagree(peek, c, "an entry is missing:", reterr);
        }
    }
}

/* And there are no others, each as it was written. */
static enum err_kind compare_index(struct peek *peek, struct comparison *c, struct err *reterr) {
    struct str entry[2] = {STR_NONE, STR_NONE};
    enum err_kind kind = ERR_NONE;
    uint64_t count = 0;
    MDB_dbi dbi = 0;
    guard_enter(folder_mark_path(peek->folder));
    int rc = open_space(peek, c->space, &dbi, &count);
    guard_leave();
    if (rc != 0) {
        return fail(peek, rc, reterr);
    }
    peek->space = -1;
    for (;;) { /* first, since this sees what is damaged */
        kind = next_in(peek, c->space, "index", entry, reterr);
        if (kind != ERR_NONE || !entry[0].ptr) {
            break;
        }
        c->found++;
    }
    kind = kind != ERR_NONE ? kind : compare_rows(peek, c, dbi, reterr);
    return kind != ERR_NONE || c->found == c->expected
               ? kind
               : disagree(peek, c, "entries without a row:", reterr);
}

enum err_kind peek_check_indexes(struct peek *peek, uint64_t *ret_entries, struct err *reterr) {
    const struct state_layout *layout = &peek->layout;
    struct comparison c = {0};
    enum err_kind kind = ERR_NONE;
    *ret_entries = 0;
    for (int table = 0; table < (int)layout->table_count; table++) {
        for (size_t r = 0; kind == ERR_NONE && r < layout->reference_counts[table]; r++) {
            c = (struct comparison){.table = table,
                                    .space = entry_space(layout, table, r),
                                    .reference = r,
                                    .entry = c.entry};
            kind = compare_index(peek, &c, reterr);
            *ret_entries += c.found;
        }
    }
    buf_clear(&c.entry);
    return kind;
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
