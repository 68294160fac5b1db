#include "sim/memory_kv.h"

#include "sim/memory_map.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* Bytes copied for a caller: freed at the next change. */
struct lent {
    struct lent *next;
    char bytes[];
};

/* A task's folder. */
struct memory_folder {
    struct memory_folder *next;
    int32_t task;
    char *suffix;
    bool in_use; /* a store has it open */
    bool locked; /* by the test */
    bool damaged;
    struct memory_map maps[KV_SPACES_MAX]; /* as committed */
};

struct memory_disk {
    struct memory_folder *folders;
    size_t part_bytes;
    uint64_t calls;
    uint64_t fail_at; /* 0: never */
    enum err_kind fail_kind;
};

struct memory_snapshot {
    struct memory_map maps[KV_SPACES_MAX];
};

struct kv {
    struct memory_disk *disk;
    struct memory_folder *folder;
    int space_count;
    struct memory_map maps[KV_SPACES_MAX];
    bool changed[KV_SPACES_MAX];
    size_t dirty_bytes;
    enum err_kind broken;
    struct lent *lent;
};

static void *must(void *memory) {
    if (!memory) {
        abort();
    }
    return memory;
}

/* ---- faults ---- */

static enum err_kind maybe_fail(struct memory_disk *disk, struct err *reterr) {
    disk->calls++;
    if (disk->fail_at == disk->calls) {
        return err_set(reterr, disk->fail_kind, "memory store: call %" PRIu64 " was to fail",
                       disk->calls);
    }
    return ERR_NONE;
}

static enum err_kind call(struct kv *kv, struct err *reterr) {
    if (kv->broken == ERR_NONE) {
        kv->broken = maybe_fail(kv->disk, reterr);
        return kv->broken;
    }
    return err_set(reterr, kv->broken, "memory store: broken until abort");
}

void memory_disk_part(struct memory_disk *disk, size_t bytes) {
    disk->part_bytes = bytes;
}

void memory_disk_fail(struct memory_disk *disk, uint64_t nth, enum err_kind kind) {
    disk->fail_at = nth ? disk->calls + nth : 0;
    disk->fail_kind = kind;
}

uint64_t memory_disk_calls(const struct memory_disk *disk) {
    return disk->calls;
}

/* ---- a store ---- */

static struct str lend(struct kv *kv, struct str s) {
    struct lent *lent = must(malloc(sizeof *lent + s.len + 1));
    lent->next = kv->lent;
    kv->lent = lent;
    memcpy(lent->bytes, s.ptr, s.len);
    return (struct str){lent->bytes, s.len};
}

static void take_back(struct kv *kv) {
    while (kv->lent) {
        struct lent *lent = kv->lent;
        kv->lent = lent->next;
        free(lent);
    }
}

static void all_committed_again(struct kv *kv) {
    for (int i = 0; i < KV_SPACES_MAX; i++) {
        if (kv->changed[i]) {
            memory_map_copy(&kv->maps[i], &kv->folder->maps[i]);
            kv->changed[i] = false;
        }
    }
    kv->dirty_bytes = 0;
    take_back(kv);
}

static enum err_kind get(struct kv *kv, int space, struct str key, struct str *ret_value,
                         struct err *reterr) {
    enum err_kind kind = call(kv, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct str value = memory_map_get(&kv->maps[space], key);
    *ret_value = value.ptr ? lend(kv, value) : STR_NONE;
    return ERR_NONE;
}

/* kv.h's parameters. NOLINTNEXTLINE(readability-function-size) */
static enum err_kind next(struct kv *kv, int space, struct str prefix, struct str after,
                          struct str *ret_key, struct str *ret_value, struct err *reterr) {
    enum err_kind kind = call(kv, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    const struct memory_map *map = &kv->maps[space];
    bool skips = after.ptr && str_compare(after, prefix) >= 0;
    size_t at = memory_map_find(map, skips ? after : prefix);
    if (skips && at < map->count && str_equal(map->entries[at]->key, after)) {
        at++;
    }
    if (at < map->count && str_starts(map->entries[at]->key, prefix)) {
        *ret_key = lend(kv, map->entries[at]->key);
        *ret_value = lend(kv, map->entries[at]->value);
    } else {
        *ret_key = *ret_value = STR_NONE;
    }
    return ERR_NONE;
}

static enum err_kind change(struct kv *kv, int space, struct str key, struct str value,
                            struct err *reterr) {
    enum err_kind kind = call(kv, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    assert(space >= 0 && space < kv->space_count);
    assert(key.len > 0 && key.len <= 511);
    memory_map_set(&kv->maps[space], key, value);
    kv->changed[space] = true;
    kv->dirty_bytes += key.len + value.len;
    take_back(kv);
    return ERR_NONE;
}

static enum err_kind put(struct kv *kv, int space, struct str key, struct str value,
                         struct err *reterr) {
    assert(value.ptr);
    return change(kv, space, key, value, reterr);
}

static enum err_kind del(struct kv *kv, int space, struct str key, struct err *reterr) {
    return change(kv, space, key, STR_NONE, reterr);
}

static enum err_kind count(struct kv *kv, int space, uint64_t *ret_count, struct err *reterr) {
    enum err_kind kind = call(kv, reterr);
    *ret_count = kv->maps[space].count;
    return kind;
}

static enum err_kind bytes(struct kv *kv, int space, uint64_t *ret_bytes, struct err *reterr) {
    enum err_kind kind = call(kv, reterr);
    const struct memory_map *map = &kv->maps[space];
    *ret_bytes = 0;
    for (size_t i = 0; i < map->count; i++) {
        *ret_bytes += map->entries[i]->key.len + map->entries[i]->value.len;
    }
    return kind;
}

static enum err_kind clear(struct kv *kv, int space, struct err *reterr) {
    enum err_kind kind = call(kv, reterr);
    if (kind == ERR_NONE) {
        memory_map_clear(&kv->maps[space]);
        kv->changed[space] = true;
        take_back(kv);
    }
    return kind;
}

static enum err_kind reset(struct kv *kv, struct err *reterr) {
    kv->broken = ERR_NONE;
    enum err_kind kind = call(kv, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    for (int i = 0; i < KV_SPACES_MAX; i++) {
        memory_map_clear(&kv->folder->maps[i]);
        kv->changed[i] = true;
    }
    all_committed_again(kv);
    return ERR_NONE;
}

static size_t dirty_bytes(const struct kv *kv) {
    return kv->dirty_bytes;
}

static enum err_kind commit(struct kv *kv, struct err *reterr) {
    enum err_kind kind = call(kv, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    for (int i = 0; i < KV_SPACES_MAX; i++) {
        if (kv->changed[i]) {
            memory_map_copy(&kv->folder->maps[i], &kv->maps[i]);
            kv->changed[i] = false;
        }
    }
    kv->dirty_bytes = 0;
    take_back(kv);
    return ERR_NONE;
}

static void undo_all(struct kv *kv) {
    kv->broken = ERR_NONE;
    all_committed_again(kv);
}

static void folder_empty(struct memory_folder *folder) {
    for (int i = 0; i < KV_SPACES_MAX; i++) {
        memory_map_clear(&folder->maps[i]);
    }
}

static void close_store(struct kv **kv) {
    struct kv *k = *kv;
    if (!k) {
        return;
    }
    for (int i = 0; i < KV_SPACES_MAX; i++) {
        memory_map_clear(&k->maps[i]);
    }
    take_back(k);
    if (k->folder->suffix[0] != '\0') {
        folder_empty(k->folder);
    }
    k->folder->in_use = false;
    free(k);
    *kv = NULL;
}

/* ---- the disk ---- */

static struct memory_folder *find_folder(const struct memory_disk *disk, int32_t task,
                                         const char *suffix) {
    struct memory_folder *folder = disk->folders;
    while (folder && (folder->task != task || strcmp(folder->suffix, suffix) != 0)) {
        folder = folder->next;
    }
    return folder;
}

static struct memory_folder *get_folder(struct memory_disk *disk, int32_t task,
                                        const char *suffix) {
    struct memory_folder *folder = find_folder(disk, task, suffix);
    if (!folder) {
        folder = must(calloc(1, sizeof *folder));
        folder->task = task;
        folder->suffix = must(strdup(suffix));
        folder->next = disk->folders;
        disk->folders = folder;
    }
    return folder;
}

/* kv.h's parameters. NOLINTNEXTLINE(readability-function-size) */
static enum err_kind open_store(void *ctx, int32_t task, const char *suffix, int spaces,
                                struct kv **ret_kv, bool *ret_was_damaged, struct err *reterr) {
    struct memory_disk *disk = ctx;
    assert(spaces <= KV_SPACES_MAX);
    enum err_kind kind = maybe_fail(disk, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct memory_folder *folder = get_folder(disk, task, suffix);
    if (folder->in_use || folder->locked) {
        (void)err_set(reterr, ERR_RETRY, "memory store of task %d%s: held", (int)task, suffix);
        reterr->locked = true;
        return ERR_RETRY;
    }
    if (folder->damaged) {
        folder_empty(folder);
    }
    struct kv *kv = must(calloc(1, sizeof *kv));
    kv->disk = disk;
    kv->folder = folder;
    kv->space_count = spaces;
    for (int i = 0; i < KV_SPACES_MAX; i++) {
        memory_map_copy(&kv->maps[i], &folder->maps[i]);
    }
    *ret_was_damaged = folder->damaged;
    folder->damaged = false;
    folder->in_use = true;
    *ret_kv = kv;
    return ERR_NONE;
}

struct memory_disk *memory_disk_new(void) {
    struct memory_disk *disk = must(calloc(1, sizeof *disk));
    disk->part_bytes = SIZE_MAX;
    return disk;
}

void memory_disk_destroy(struct memory_disk **disk) {
    struct memory_folder *folder = *disk ? (*disk)->folders : NULL;
    while (folder) {
        struct memory_folder *following = folder->next;
        assert(!folder->in_use);
        folder_empty(folder);
        free(folder->suffix);
        free(folder);
        folder = following;
    }
    free(*disk);
    *disk = NULL;
}

struct kv_factory memory_disk_factory(struct memory_disk *disk) {
    static const struct kv_ops ops = {
        .get = get,
        .next = next,
        .put = put,
        .remove = del,
        .count = count,
        .bytes = bytes,
        .clear = clear,
        .reset = reset,
        .dirty_bytes = dirty_bytes,
        .commit = commit,
        .abort = undo_all,
        .close = close_store,
    };
    return (struct kv_factory){&ops, disk, disk->part_bytes, open_store};
}

void memory_disk_lock(struct memory_disk *disk, int32_t task, bool locked) {
    get_folder(disk, task, "")->locked = locked;
}

void memory_disk_damage(struct memory_disk *disk, int32_t task) {
    get_folder(disk, task, "")->damaged = true;
}

bool memory_disk_flip(struct memory_disk *disk, int32_t task, int space, size_t nth) {
    struct memory_folder *folder = get_folder(disk, task, "");
    assert(!folder->in_use);
    const struct memory_map *map = &folder->maps[space];
    if (nth >= map->count || map->entries[nth]->value.len == 0) {
        return false;
    }
    struct memory_entry *entry = map->entries[nth];
    entry->bytes[entry->key.len + entry->value.len / 2] ^= 1;
    return true;
}

struct memory_snapshot *memory_disk_snapshot(const struct memory_disk *disk, int32_t task) {
    struct memory_snapshot *snapshot = must(calloc(1, sizeof *snapshot));
    const struct memory_folder *folder = find_folder(disk, task, "");
    for (int i = 0; folder && i < KV_SPACES_MAX; i++) {
        memory_map_copy(&snapshot->maps[i], &folder->maps[i]);
    }
    return snapshot;
}

void memory_disk_restore(struct memory_disk *disk, int32_t task,
                         const struct memory_snapshot *snapshot) {
    struct memory_folder *folder = get_folder(disk, task, "");
    assert(!folder->in_use);
    folder_empty(folder);
    for (int i = 0; snapshot && i < KV_SPACES_MAX; i++) {
        memory_map_copy(&folder->maps[i], &snapshot->maps[i]);
    }
}

void memory_snapshot_destroy(struct memory_snapshot **snapshot) {
    for (int i = 0; *snapshot && i < KV_SPACES_MAX; i++) {
        memory_map_clear(&(*snapshot)->maps[i]);
    }
    free(*snapshot);
    *snapshot = NULL;
}
