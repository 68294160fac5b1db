/* state_fixture.h: stores for tests, in memory or of LMDB in a folder of their own.
 *
 * What:    makes a factory of either kind.
 * Owns:    disk, store and folder, until state_fixture_clear.
 * Errors:  ends the process: a test can't go on without.
 */
#ifndef SIM_STATE_FIXTURE_H
#define SIM_STATE_FIXTURE_H

#include "sim/memory_kv.h"
#include "state/lmdb/lmdb_store.h"
#include "state/state.h"

/* A cache's layout: so many tables, no references. */
#define TABLES_ONLY(count) (&(const struct state_layout){.table_count = (count)})

struct state_fixture {
    struct kv_factory factory;
    struct memory_disk *disk; /* NULL: of LMDB */
    struct lmdb_store *store; /* NULL: in memory */
    char dir[64];             /* of LMDB */
};

void state_fixture_memory(struct state_fixture *fixture);
void state_fixture_lmdb(struct state_fixture *fixture);
/* Removes the folder. Stores must be closed. */
void state_fixture_clear(struct state_fixture *fixture);

/* `<dir>/<name>` in one of four static buffers. */
const char *state_fixture_path(const struct state_fixture *fixture, const char *name);

#endif
