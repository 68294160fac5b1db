#include "sim/state_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void state_fixture_memory(struct state_fixture *fixture) {
    *fixture = (struct state_fixture){.disk = memory_disk_new()};
    fixture->factory = memory_disk_factory(fixture->disk);
}

void state_fixture_lmdb(struct state_fixture *fixture) {
    *fixture = (struct state_fixture){.dir = "/tmp/state-test-XXXXXX"};
    struct err err;
    if (!mkdtemp(fixture->dir) || lmdb_store_new(fixture->dir, &fixture->store, &err) != ERR_NONE) {
        abort();
    }
    fixture->factory = lmdb_store_factory(fixture->store);
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw) {
    (void)stat;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void state_fixture_clear(struct state_fixture *fixture) {
    if (fixture->dir[0] != '\0') {
        (void)nftw(fixture->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    lmdb_store_destroy(&fixture->store);
    memory_disk_destroy(&fixture->disk);
}

const char *state_fixture_path(const struct state_fixture *fixture, const char *name) {
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", fixture->dir, name);
    return path;
}
