/* memory_kv.h: kv.h in memory, with faults on demand: for unit tests and the simulator.
 *
 * What:    a "disk" that keeps what was committed while stores are closed, or their members dead.
 *          Closing without commit is the crash. Values it has lent are freed at the next change, so
 *          that an address sanitizer sees who uses them too long.
 * Owns:    the disk owns everything; stores must be closed before it is destroyed.
 * Errors:  as kv.h, and those that were asked for.
 * Limits:  for thousands of rows, not millions: a put moves what lies behind it.
 */
#ifndef SIM_MEMORY_KV_H
#define SIM_MEMORY_KV_H

#include "state/kv.h"

struct memory_disk;
struct memory_snapshot;

struct memory_disk *memory_disk_new(void);
void memory_disk_destroy(struct memory_disk **disk);
/* Borrows disk. Several factories of one disk are several members on one host. */
struct kv_factory memory_disk_factory(struct memory_disk *disk);

/* The nth call from now on (1: the next), of any operation that can fail, fails with kind; one that
 * was to change or read leaves the store broken until abort. 0: none does. */
void memory_disk_fail(struct memory_disk *disk, uint64_t nth, enum err_kind kind);
/* Calls so far: how far n may go. */
uint64_t memory_disk_calls(const struct memory_disk *disk);
/* Commits larger than this come in parts (kv_factory's part_bytes); at first SIZE_MAX. */
void memory_disk_part(struct memory_disk *disk, size_t bytes);
/* While locked, opening task's store (suffix "") fails as if another process had it. */
void memory_disk_lock(struct memory_disk *disk, int32_t task, bool locked);
/* The next opening of task's store finds it damaged, and so empty. */
void memory_disk_damage(struct memory_disk *disk, int32_t task);
/* Flips a bit of the nth (from 0) committed value of space; false: there are fewer. The store must
 * be closed. */
bool memory_disk_flip(struct memory_disk *disk, int32_t task, int space, size_t nth);

/* What task's store (suffix "") has committed; the caller destroys it. */
struct memory_snapshot *memory_disk_snapshot(const struct memory_disk *disk, int32_t task);
/* Puts it back, as if the disk had gone back in time; the store must be closed. snapshot NULL: the
 * store was deleted. */
void memory_disk_restore(struct memory_disk *disk, int32_t task,
                         const struct memory_snapshot *snapshot);
void memory_snapshot_destroy(struct memory_snapshot **snapshot);

#endif
