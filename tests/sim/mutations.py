#!/usr/bin/env python3
"""Takes the safety mechanisms out one at a time and sees the simulator fail.

    tests/sim/mutations.py [--only NAME] [--list]

Each mutation changes one place of a copy of the sources, builds the simulator and runs its family until a seed
fails: it must within the number of seeds stated. The text to change must be there exactly once: code that moved
fails here, rather than going unproven. Prints PASS or FAIL for each; exits with 1 if any is not caught.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Mutation(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    family: str
    seeds: int
    also: tuple = ()  # (old, new) in also_file
    also_file: str = ''


MUTATIONS = [
    Mutation('fence removed', 'tests/sim/sim_execute.c',
             'if (!progress_equal(&world->sink.progress[part->task], &part->before, TABLES)) {',
             'if (false) {', 'group', 500),
    Mutation('fence removed for one of two sessions', 'tests/sim/sim_execute.c',
             'if (!progress_equal(&world->sink.progress[part->task], &part->before, TABLES)) {',
             'if (job->session != 1 && !progress_equal(&world->sink.progress[part->task], &part->before, TABLES)) {',
             'group', 2000),
    Mutation('fence of the first task only', 'tests/sim/sim_execute.c',
             'if (!progress_equal(&world->sink.progress[part->task], &part->before, TABLES)) {',
             'if (i == 0 && !progress_equal(&world->sink.progress[part->task], &part->before, TABLES)) {',
             'group', 2000),
    Mutation('fence on the owner only', 'tests/sim/sim_execute.c',
             'if (!progress_equal(&world->sink.progress[part->task], &part->before, TABLES)) {',
             'if (strcmp(world->sink.progress[part->task].owner, part->before.owner) != 0) {', 'async', 2000),
    Mutation('quiet task compared neither on a new connection nor later', 'consumer/pipeline/settle.c',
             's->connected = true;\n        s->must_verify = true;', 's->connected = true;', 'restore', 3000,
             also=(('if (now_ms(m) >= s->look_at_ms) {', 'if (false) {'),), also_file='consumer/pipeline/commit.c'),
    Mutation('first transaction of a split fan-out moves the offsets', 'consumer/pipeline/work.c',
             '    work->chunk_count++;\n',
             '    part->after.has_offsets = true;\n'
             '    memcpy(part->after.offsets, work->offsets_after, sizeof part->after.offsets);\n'
             '    work->chunk_count++;\n',
             'split', 2000),
    Mutation('cache used without progress', 'consumer/pipeline/open.c',
             'if (task->initial) {\n        return DISCARD_NO', 'if (false) {\n        return DISCARD_NO',
             'restore', 4000),
    Mutation('cache says where it stands before its rows are there', 'consumer/state/overlay.c',
             'for (int space = overlay->space_count - 1; space >= 0; space--) { /* space 0 last */\n'
             '        const struct ordered_entry *change = ordered_seek(&overlay->changes[space], STR(""), false);\n'
             '        for (; change; change = ordered_next(change)) {\n'
             '            enum err_kind kind =\n'
             '                set_below(overlay, space, ordered_key(change), ordered_value(change), reterr);\n'
             '            if (kind == ERR_NONE && space > 0) {\n'
             '                ',
             'for (int space = 0; space < overlay->space_count; space++) { /* space 0 last */\n'
             '        const struct ordered_entry *change = ordered_seek(&overlay->changes[space], STR(""), false);\n'
             '        for (; change; change = ordered_next(change)) {\n'
             '            enum err_kind kind =\n'
             '                set_below(overlay, space, ordered_key(change), ordered_value(change), reterr);\n'
             '            if (kind == ERR_NONE) {\n'
             '                ',
             'group', 4000),
    Mutation('removed row comes back from the store', 'consumer/state/overlay.c',
             'if (order == 0) { /* removed', 'if (false) { /* removed', 'core', 2000),
    Mutation('first version of a fill wins', 'consumer/state/fill.c',
             'a->packed->number < b->packed->number ? -1 : 1', 'a->packed->number < b->packed->number ? 1 : -1',
             'rebuild', 2000),
    Mutation('incomplete cache used', 'consumer/pipeline/open.c', 'if (meta->incomplete) {', 'if (false) {',
             'rebuild', 20000,  # the age of its first unread record would show it as well
             (('record->timestamp_ms > m->o.min_compaction_lag_ms / 2;', 'record->timestamp_ms > INT64_MAX / 2;'),),
             'consumer/pipeline/take.c'),
    Mutation('log left unread for too long', 'consumer/pipeline/take.c',
             'record->timestamp_ms > m->o.min_compaction_lag_ms / 2;', 'record->timestamp_ms > INT64_MAX / 2;',
             'rebuild', 20000, (('meta->wall_ms > m->o.min_compaction_lag_ms / 2', 'meta->wall_ms > INT64_MAX / 2'),),
             'consumer/pipeline/open.c'),
    Mutation('kept version of a dead letter ignored', 'consumer/pipeline/take.c',
             '    if (kind == ERR_NONE && letter) {\n        kind = apply_letter(task, letter, &err);',
             '    if (kind == ERR_NONE && letter) {\n        kind = ERR_NONE;', 'mixletters', 4000),
    Mutation('dead letters applied again', 'consumer/pipeline/letters.c',
             '*ret_letter = letter_at(&task->letters, record->table, record->offset);', '*ret_letter = NULL;', 'mixletters', 4000),
    Mutation('rows without a partner not checked', 'consumer/join/join.c',
             'if (join->entries[i].value.ptr && !join->entries[i].has_partner) {', 'if (false) {', 'letters', 2000),
    Mutation('delete of a row without a partner left out', 'consumer/join/join.c',
             'if (touched->deleted || !entry->value.ptr || !entry->has_partner) {',
             'if (touched->deleted || !entry->value.ptr) {', 'stray', 3000),
    Mutation('range delete replaced by enumeration', 'tests/sim/sim_execute.c',
             'for (int c = 0; c <= CONTACTS_MAX; c++) {\n                remove_row',
             'for (int c = 0; c < CONTACTS_MAX; c++) {\n                remove_row', 'stray', 3000),
    Mutation('row deleted and created in one batch not deleted', 'consumer/join/join.c',
             'if (touched->deleted || !entry->value.ptr || !entry->has_partner) {',
             'if (!entry->value.ptr || !entry->has_partner) {', 'stray', 8000),
    Mutation('deletes without the join key', 'tests/sim/sim_execute.c',
             '            remove_row(world, op->student, op->contact);',
             '            for (int s = 1; s <= STUDENTS_MAX; s++) {\n'
             '                remove_row(world, s, op->contact);\n            }', 'core', 2000),
    Mutation('partition not checked', 'consumer/decode/decode.c',
             'return expected == job->record->partition ? ERR_NONE', 'return true ? ERR_NONE', 'misroute', 500),
    Mutation('live before read to the end', 'consumer/pipeline/take.c',
             'reading_done &= task->at_end[t];',
             'reading_done &= task->at_end[t] || (!task->initial && task->position[t] >= '
             'task->progress.offsets[t]);', 'nodel', 8000),
    Mutation('unchanged rows elided', 'consumer/pipeline/work.c',
             '        work->touched[i] = slots->items[i].touched;\n',
             '        struct str is;\n'
             '        if (state_get(task->state, slots->items[i].touched.table, slots->items[i].touched.key, &is,\n'
             '                      reterr) == ERR_NONE &&\n'
             '            is.ptr && str_equal(is, slots->items[i].value)) {\n'
             '            work->touched_count--;\n'
             '            slots->items[i--] = slots->items[--slots->count];\n'
             '            continue;\n'
             '        }\n'
             '        work->touched[i] = slots->items[i].touched;\n', 'restore', 8000),
    Mutation('filter by commit time (LSN)', 'consumer/pipeline/work.c',
             '    if (!change->key.ptr) {\n        return;\n    }\n    struct slot *slot',
             '    static int64_t newest;\n'
             '    bool old = change->ts_us <= newest;\n'
             '    newest = old ? newest : change->ts_us;\n'
             '    if (!change->key.ptr || old) {\n        return;\n    }\n    struct slot *slot', 'core', 500),
    Mutation('fence failure taken for a data error', 'consumer/pipeline/settle.c',
             '        log_err(m->o.log, LOG_WARN, "pipeline", "fenced", &event->err);\n        s->must_verify = true;',
             '        on_refused(s, &event->err);', 'group', 2000),
    Mutation('first version of a batch wins', 'consumer/pipeline/work.c',
             '    slot->value = change->op == CHANGE_DELETE ? STR_NONE : change->value;',
             '    if (!slot->value.ptr) {\n'
             '        slot->value = change->op == CHANGE_DELETE ? STR_NONE : change->value;\n    }', 'core', 500),
    Mutation('upserts before deletes', 'tests/sim/sim_sink.c',
             '    for (int t = 0; t < TABLES; t++) {\n        copy_rows(to, &part->deletes[t], SIM_DELETE, t);',
             '    copy_rows(to, &part->upserts, SIM_UPSERT, 0);\n    for (int t = 0; t < TABLES; t++) {\n'
             '        copy_rows(to, &part->deletes[t], SIM_DELETE, t);', 'core', 2000),
    Mutation('refused batch not undone in the state', 'consumer/pipeline/work.c',
             'state_rollback(task->state);', 'state_release(task->state);', 'letters', 4000),
    Mutation('silent task goes live too early', 'consumer/pipeline/take.c',
             'silent_done &= task->position[t] >= task->progress.offsets[t];',
             'silent_done |= task->position[t] >= task->progress.offsets[t];', 'core', 8000),
    Mutation('cache claims records that wait', 'consumer/pipeline/commit.c',
             'ret_offsets[t] = held ? task->progress.offsets[t] : task->position[t];',
             'ret_offsets[t] = held ? task->position[t] : task->position[t];', 'core', 2000),
    Mutation('rebuild writes nothing', 'consumer/pipeline/take.c',
             'return touches ? state_touch', 'return !touches && touches ? state_touch', 'compact', 4000),
    Mutation('rebuild from a log made anew', 'consumer/pipeline/take.c',
             '|| (task->phase == TASK_READING && !task->initial);', ';', 'remade', 2000,
             (('(replays || proves) &&', 'replays &&'),), 'consumer/pipeline/take.c'),
    Mutation('replay of a log made anew', 'consumer/pipeline/take.c',
             'bool replays = task->phase == TASK_SILENT || ', 'bool replays = ', 'remade', 8000,
             (('(replays || proves) &&', 'replays &&'),), 'consumer/pipeline/take.c'),
    Mutation('record that was applied last not compared', 'consumer/pipeline/take.c',
             '        record->timestamp_ms == applied_ms) {', '        record->timestamp_ms != INT64_MIN) {', 'remade', 2000),
    Mutation('log that ends at the record applied last', 'consumer/pipeline/take.c',
             '(replays || proves) &&', 'replays &&', 'remade', 4000),
    Mutation('record applied last deleted on purpose', 'consumer/pipeline/take.c',
             '    if (proof->timestamp_ms > 0) {\n        proof->timestamp_ms = PROOF_ANY;', '    if (false) {', 'trimmed', 500),
    Mutation('record applied last compacted away', 'consumer/pipeline/take.c',
             'bool here = record->offset == proof->offset;', 'bool here = true;', 'compact', 2000),
    Mutation('log made anew not waited for', 'consumer/pipeline/turn.c',
             '           task_is_proven(task, s->member->view->table_count);', '           true;', 'remade', 4000),
    Mutation('distrust of a cache lost on acquiring it anew', 'consumer/pipeline/open.c',
             '    task->phase = TASK_OPENING;', '    task->phase = TASK_OPENING;\n    task->distrust = DISCARD_NONE;',
             'rebuild', 8000, (('meta->wall_ms > m->o.min_compaction_lag_ms / 2', 'meta->wall_ms > INT64_MAX / 2'),),
             'consumer/pipeline/open.c'),
    Mutation('letter that keeps a refused version', 'consumer/pipeline/letters.c',
             'letter->kept = letters[at].kept;', '(void)at;', 'legacy', 2000),
    Mutation('letters of works that never ended', 'tests/sim/sim_execute.c',
             '        sweep_letters(world, job->tasks[i]);\n', '        (void)sweep_letters;\n', 'legacy', 2000),
    Mutation('dead letter of another record applied', 'consumer/pipeline/letters.c',
             'return !*ret_letter || is_of(*ret_letter, record)', 'return true || is_of(*ret_letter, record)',
             'swapped', 2000),
    Mutation('dead letter known by its key alone', 'consumer/pipeline/letters.c',
             '(!letter->has_checksum || letter->checksum == record_checksum(record));', 'true;', 'swapped', 2000),
    Mutation('dead letters without progress', 'consumer/pipeline/letters.c',
             'if (ahead && !letter->pending) {', 'if (ahead && letter->pending && false) {', 'swapped', 2000),
    Mutation('decision not seen by a live task', 'consumer/pipeline/take.c',
             '    kind = task_decision(m, task, record, kind, &err);\n    if (kind == ERR_NONE) {\n        log_record',
             '    if (kind == ERR_NONE) {\n        log_record', 'decided', 2000),
    Mutation('decision not seen by a rebuild', 'consumer/pipeline/take.c',
             '        kind = task_decision(m, task, record, kind, &err);\n        if', '        if', 'decided', 2000),
    Mutation('decision lost on acquiring anew', 'consumer/pipeline/letters.c',
             '        task_know_letter(task, &letters[i]);',
             '        if (!letters[i].pending || task->progress.seq < 4) {\n'
             '            task_know_letter(task, &letters[i]);\n        }', 'decided', 2000),
    Mutation('checked rows end with their hunt', 'consumer/pipeline/load.c',
             '        arena_clear(&s->hunt->arena);\n        free(s->hunt);',
             '        arena_clear(&s->hunt->arena);\n        row_array_clear(&s->checked);\n'
             '        free(s->hunt);', 'haltletters', 8000),
    Mutation('halted task remembers what was refused', 'consumer/pipeline/task.c',
             '    task->refused_count = 0;\n    arena_reset(&task->refused_arena);\n', '', 'mended', 4000),
    Mutation('any number of rows refused', 'consumer/pipeline/load.c',
             'task->refused_count >\n               m->o.dead_letter_max) {', 'task->refused_count > SIZE_MAX) {',
             'mended', 2000),
    Mutation('dead letters in the first transaction of their work', 'consumer/pipeline/work.c',
             'for (size_t i = 0; i < work->letter_count; i++) {\n            txn_part_add',
             'for (size_t i = 0; work->chunk_count == 0 && i < work->letter_count; i++) {\n            txn_part_add',
             'torn', 500, (('    if (work->last) {\n        /* With', '    {\n        /* With'),
                          ('        part->after.has_offsets = true;\n',
                           '        if (!work->last) {\n            goto more;\n        }\n'
                           '        part->after.has_offsets = true;\n'),
                          ('    work->chunk_count++;\n    work->built', 'more:\n    work->chunk_count++;\n    work->built')),
             'consumer/pipeline/work.c'),
    Mutation('dead letter keeps the version before the batch', 'consumer/pipeline/work.c',
             '    if (slot) {\n        *ret_value = slot->value;', '    if (false) {\n        *ret_value = slot->value;',
             'letters', 4000),
    Mutation('dead letter keeps the version that its batch ends with', 'consumer/pipeline/work.c',
             'for (size_t i = 0; i < work->record_count; i++) {\n'
             '        struct pending *item = &task->current.items[task->current.consumed + i];',
             'for (size_t twice = 0; twice < 2 * work->record_count; twice++) {\n'
             '        size_t i = twice % work->record_count;\n'
             '        struct pending *item = &task->current.items[task->current.consumed + i];\n'
             '        if ((item->kind == PENDING_CHANGE) != (twice < work->record_count)) {\n'
             '            continue;\n        }', 'letters', 4000),
    Mutation('dead letters found are kept across a restart', 'consumer/pipeline/open.c',
             '    task_forget_found(task);\n', '', 'hole', 4000),
    Mutation('version that the log has lost stays behind a dead letter', 'consumer/pipeline/take.c',
             'return kind == ERR_NONE && row_key.ptr', 'return kind == ERR_NONE && row_key.ptr && !absent', 'torn', 8000),
    Mutation('rebuild forgets that a row was deleted', 'consumer/pipeline/work.c',
             '.deleted = deleted};', '.deleted = deleted && !deleted};', 'stray', 4000),
    Mutation('touch clears a deletion', 'consumer/state/state.c',
             'if (flag.ptr && (!deleted || str_is(flag, "d"))) {',
             'if (flag.ptr && str_is(flag, deleted ? "d" : "u")) {', 'stray', 4000),
    Mutation('any number of records refused', 'consumer/pipeline/work.c',
             'task->letters.count + work->letter_count >= m->o.dead_letter_max', 'false', 'mended', 2000),
    Mutation('two hunts at a time', 'consumer/pipeline/turn.c',
             'return task->surveyed && !s->hunt;', 'return task->surveyed;', 'mixletters', 8000),
    Mutation('task halted while the sink reads it', 'consumer/pipeline/member.c',
             'if (task_in_flight(task)) {', 'if (false) {', 'halts', 4000),
    Mutation('task written through every session', 'consumer/pipeline/member_impl.h',
             'return task && task->session == s ? task : NULL;', 'return task;', 'core', 2000),
    Mutation('ghost freed by the answer of another session', 'consumer/pipeline/group.c',
             'if (m->ghosts[i]->session == s) {', 'if (true) {', 'halts', 8000),
    Mutation('table not compared in the fence', 'tests/sim/sim_execute.c',
             'if (table_is_other(world, &part->before)) {', 'if (false) {', 'table', 500),
    Mutation('progress of a table that is gone counts for the new one', 'tests/sim/sim_execute.c',
             'if (newest->generation != world->sink.generation) { /* it speaks of another table */',
             'if (false) {', 'table', 500),
    Mutation('task goes on with the progress of a table that is gone', 'consumer/pipeline/settle.c',
             'if (result->other_table) {', 'if (false) {', 'table', 500),
    Mutation('quiet tasks do not look at the table', 'consumer/pipeline/commit.c',
             'if (now_ms(m) >= s->look_at_ms) {', 'if (false) {', 'table', 500),
    Mutation('another table found by the fence not looked at', 'consumer/pipeline/settle.c',
             '"other_table", &event->err);\n        s->must_verify = true;', '"other_table", &event->err);', 'table', 500,
             (('if (now_ms(m) >= s->look_at_ms) {', 'if (false) {'),), 'consumer/pipeline/commit.c'),
    Mutation('tasks of the second session compared neither on a new connection nor later',
             'consumer/pipeline/commit.c', '    if (s->must_verify) {\n        if (ask(s, JOB_NEWEST) > 0) {',
             '    if (s->must_verify) {\n        if (s->number == 0 && ask(s, JOB_NEWEST) > 0) {', 'restore', 3000,
             (('if (now_ms(m) >= s->look_at_ms) {', 'if (false) {'),), 'consumer/pipeline/commit.c'),
    Mutation('a blank row that is read silently is not kept in mind', 'consumer/pipeline/take.c',
             '    if (change->blank) {', '    if (false && change->blank) {', 'split', 500),
    Mutation('a blank row of a batch is not kept in mind', 'consumer/pipeline/work.c',
             'return item->change.blank ? state_number_add(task->state, item->change.blank, reterr)',
             'return false ? state_number_add(task->state, item->change.blank, reterr)', 'async', 500),
    Mutation('record blamed for what the sink refuses of its rows', 'consumer/pipeline/refuse.c',
             'if (event->blame == BLAME_RECORD && task->work.chunk_count == 1) {',
             'if (event->blame != BLAME_OTHERS && task->work.chunk_count == 1) {', 'checked', 500),
    Mutation('record blamed for what depends on other rows', 'consumer/pipeline/refuse.c',
             'if (event->blame == BLAME_RECORD && task->work.chunk_count == 1) {',
             'if (event->blame != BLAME_ROW && task->work.chunk_count == 1) {', 'unique', 2000),
    Mutation('entry of a row that passes stays', 'consumer/pipeline/refuse.c',
             'if (set->count == 0 || op->kind == ROW_OP_CHECK || op->kind == ROW_OP_END) {',
             'if (set->count == 0 || op->kind != ROW_OP_DELETE) {', 'checked', 500),
    Mutation('entry of a row that is deleted stays', 'consumer/pipeline/refuse.c',
             'if (set->count == 0 || op->kind == ROW_OP_CHECK || op->kind == ROW_OP_END) {',
             'if (set->count == 0 || op->kind != ROW_OP_UPSERT) {', 'checked', 500),
    Mutation('entries of rows beside the deleted one go', 'consumer/pipeline/refuse.c',
             'if (whole ? key.len == wanted.len : sink_key_has(view, key, op->table, values)) {',
             'if (!whole || key.len == wanted.len) {', 'checked', 2000),
    Mutation('refused rows of a lost answer not read', 'consumer/pipeline/settle.c',
             'if (part->careful) { /* which rows', 'if (false) { /* which rows', 'checkmix', 2000),
    Mutation('refused rows not read at acquisition', 'consumer/pipeline/open.c',
             'for (size_t i = 0; i < result->refused_count; i++) {', 'for (size_t i = 0; false; i++) {',
             'checkmix', 2000),
    Mutation('own checks not asked before rows are refused', 'consumer/pipeline/work.c',
             'if (kind == ERR_NONE && first && task->careful) {', 'if (kind == ERR_NONE && first && false) {',
             'checkmix', 4000),
    Mutation('rows of a rebuild refused before its records', 'consumer/pipeline/refuse.c',
             '} else if (!task->hunted) {', '} else if (false) {', 'checkmix', 4000),
    Mutation('any number of rows refused by the sink', 'consumer/pipeline/refuse.c',
             'part->refused_max = m->o.refused_row_max > standing ? m->o.refused_row_max - standing : 0;',
             'part->refused_max = SIZE_MAX; (void)standing;', 'fewrefused', 2000),
    Mutation('two rebuilds wait for each other', 'consumer/pipeline/refuse.c',
             '        work_deletes_ahead(task);', '        (void)0;', 'unique', 20000),
    Mutation('conflict in a batch not tried in halves', 'consumer/pipeline/refuse.c',
             'task->record_limit = over ? 1 : count / 2;', 'task->record_limit = over;', 'unique', 20000),
    Mutation('row of the past refused for ever', 'consumer/pipeline/refuse.c',
             'return by_row && behind;', 'return false && by_row && behind;', 'unique', 4000),
    Mutation('rebuild too late for who waits for it', 'consumer/pipeline/refuse.c',
             'task->conflict_since_ms >= m->o.conflict_halt_ms / 2;',
             'task->conflict_since_ms >= m->o.conflict_halt_ms;', 'unique', 8000),
    Mutation('what waits to be tried again keeps others from writing', 'consumer/pipeline/turn.c',
             '!task->work.in_flight && wants_to_write(s, task);', '!task->work.in_flight;', 'unique', 8000),
    Mutation('task that is refused keeps others from reading', 'consumer/pipeline/take.c',
             'task->phase != TASK_LIVE || task->conflict_since_ms > 0 ||', 'task->phase != TASK_LIVE ||',
             'unique', 8000),
    Mutation('one task halts its neighbours', 'consumer/pipeline/settle.c',
             'if (s->txn.part_count == 1 && task) {\n            task_halt_at_work', 'if (task) {\n            task_halt_at_work',
             'trigger', 1000),
    Mutation('a gap in the log not noted before a blank delete', 'consumer/pipeline/take.c',
             'if (task->phase != TASK_READING && record->offset > task->position[t]) {', 'if (false) {',
             'mix', 20000),
    Mutation('a refused transaction halts the first of its tasks', 'consumer/pipeline/settle.c',
             '    if (s->txn.part_count == 1 && task) {\n        task_refused', '    if (task) {\n        task_refused',
             'letters', 4000),
]


def build(tree: pathlib.Path) -> bool:
    done = subprocess.run(['cmake', '--build', tree / 'build', '--target', 'sim'], capture_output=True, text=True)
    if done.returncode:
        print(done.stdout[-3000:])
    return done.returncode == 0


def caught(tree: pathlib.Path, mutation: Mutation) -> str:
    """What the simulator says of the first seed that fails, or ''."""
    done = subprocess.run(['prlimit', '--cpu=300', tree / 'build' / 'sim', '--family', mutation.family,
                           '--seeds', str(mutation.seeds), '--stop-at-first'], capture_output=True, text=True)
    fails = [line for line in done.stdout.splitlines() if line.startswith('FAIL')]
    if fails:
        return fails[0].removeprefix('FAIL ')
    return f'the simulator ended with {done.returncode}' if done.returncode else ''


def change(tree: pathlib.Path, file: str, edits: tuple) -> str:
    """Changes a file; returns what is wrong with the edits, or ''."""
    path = tree / file
    text = path.read_text()
    for old, new in edits:
        if text.count(old) != 1:
            return f'the text to change stands {text.count(old)} times in {file}: {old.strip()[:60]}'
        text = text.replace(old, new)
    path.write_text(text)
    return ''


def try_one(tree: pathlib.Path, mutation: Mutation) -> bool:
    edits = {mutation.file: ((mutation.old, mutation.new),)}
    if mutation.also:
        edits[mutation.also_file] = edits.get(mutation.also_file, ()) + mutation.also
    kept = {file: (tree / file).read_text() for file in edits}
    try:
        wrong = ''.join(change(tree, file, edit) for file, edit in edits.items())
        if not wrong and not build(tree):
            wrong = 'does not build'
        how = '' if wrong else caught(tree, mutation)
    finally:
        for file, text in kept.items():
            (tree / file).write_text(text)
    wrong = wrong or f'not caught in {mutation.seeds} seeds of {mutation.family}'
    print(f'PASS {mutation.name}: {how}' if how else f'FAIL {mutation.name}: {wrong}', flush=True)
    return bool(how)


def try_all(mutations: list) -> bool:
    """In a copy of the sources of its own, so that several can run beside each other."""
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        for name in ('consumer', 'tests', 'schemas'):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns('run', '__pycache__'))
        shutil.copy(ROOT / 'CMakeLists.txt', tree)
        subprocess.run(['cmake', '-S', tree, '-B', tree / 'build', '-G', 'Ninja', '-DWERROR=OFF'], check=True,
                       stdout=subprocess.DEVNULL)
        if not build(tree):
            print('FAIL the simulator does not build without a mutation', flush=True)
            return False
        return all([try_one(tree, mutation) for mutation in mutations])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument('--only')
    parser.add_argument('--list', action='store_true')
    args = parser.parse_args()
    chosen = [m for m in MUTATIONS if args.only in (None, m.name)]
    if args.list:
        print('\n'.join(m.name for m in chosen))
        return 0
    workers = min(os.cpu_count() or 1, len(chosen)) or 1
    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(lambda first: try_all(chosen[first::workers]), range(workers)))
    return 0 if chosen and all(results) else 1


if __name__ == '__main__':
    os.environ.setdefault('CFLAGS', '-O1')
    sys.exit(main())
