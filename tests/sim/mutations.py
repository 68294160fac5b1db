#!/usr/bin/env python3
"""Takes the safeguards out, one at a time, and sees a test fail without it.

    tests/sim/mutations.py [--only NAME] [--list] [--jobs N]

A safeguard is a named point of the sources (consumer/base/safeguard.h). One build knows their names, and takes out
those that its environment says. The simulator must then fail within the number of seeds stated. Points whose names
begin with "sim:" are in the simulator's own sink, which does what PostgreSQL does: without them it is seen that the
oracle would notice. Each has a counterpart in the product's SQL, without which a test on a real PostgreSQL fails.
Prints PASS or FAIL for each; exits with 1 if any is not caught, or if the points of the sources and those of this
list are not the same.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / 'build' / 'mutations'


class Simulated(NamedTuple):
    """What is out, a family of the simulator, and how many of its seeds it may take."""
    family: str
    seeds: int
    out: str
    also: str = ''  # what would show the same, and is out as well


class Checked(Simulated):
    """Seen at the end of a step, before the oracle could (consumer/pipeline/check.c). The others run without that."""


class Real(NamedTuple):
    """What is out, a test that fails without it (of tests/integration, or tests/sql), and the SQL instead."""
    program: str
    test: str
    out: str
    instead: str = ''


class Unit(NamedTuple):
    """What is out, and a test of tests/unit that fails without it."""
    program: str
    test: str
    out: str


# What the tests of the simulated sink show, of the oracle; and of the real one, below.
ORACLE = [
    Simulated('group', 500, 'sim: the fence compares the progress'),
    Simulated('group', 2000, 'sim: each session is fenced'),
    Simulated('group', 2000, 'sim: each task of a transaction is fenced'),
    Simulated('async', 2000, 'sim: the fence compares more than the owner'),
    Simulated('table', 500, 'sim: the fence compares the table'),
    Simulated('table', 500, 'sim: progress counts for its own table', also='sim: a mark counts for its own table'),
    Simulated('core', 2000, 'sim: deletes go before upserts'),
    Simulated('stray', 3000, 'sim: a delete by range takes every row'),
    Simulated('core', 2000, 'sim: a delete names the join key'),
    Simulated('legacy', 2000, 'sim: dead letters of works that never ended are swept'),
    Simulated('schemas', 500, 'sim: the oracle asks every table'),
    Simulated('live', 500, 'sim: members of the core are healed'),
    Simulated('where:mix', 500, 'sim: a row that leaves the filter is deleted'),
    Simulated('leftcore:mix', 500, 'sim: no row without a partner stands beside one with a partner'),
    Simulated('expr:mix', 500, 'sim: a refused row shows no older version'),
    Simulated('changing', 2000, 'sim: a mark counts for its own table'),
    Simulated('changing', 2000, 'sim: a table counts where its plan kept it'),
    Simulated('changing:dl', 8000, 'sim: dead letters of what is read anew go'),
]
REAL = [
    Real('sink_fence', 'test_any_stale_field_is_fenced', 'the fence compares the progress'),
    Real('sink_fence', 'test_each_of_two_sessions_is_fenced', 'the fence compares the progress'),
    Real('sink_fence', 'test_group_with_one_fenced_task_writes_nothing', 'the fence compares the progress',
         'WHERE x.o > 1 OR (p.seq = x.seq AND p.offsets = x.old::bigint[] AND p.owner = x.owner)'),
    Real('sink_fence', 'test_any_stale_field_is_fenced', 'the fence compares the progress', 'WHERE p.owner = x.owner'),
    Real('sink_fence', 'test_any_stale_field_is_fenced', 'the fence compares the progress',
         'WHERE p.seq = x.seq AND p.offsets = x.old::bigint[]'),
    Real('sink_fence', 'test_any_stale_field_is_fenced', 'the fence compares the progress',
         'WHERE p.seq = x.seq AND p.owner = x.owner'),
    Real('sink_table', 'test_dropped_and_made_anew', 'the fence compares the table'),
    Real('sink_table', 'test_dropped_while_nobody_looks', 'progress counts for its own table',
         'p.generation IS NOT NULL'),
    Real('sink_commit', 'test_deletes_go_before_upserts', 'deletes go before upserts'),
    Real('sink_lines', 'test_row_leaves_the_filter', 'a row that leaves the filter is deleted'),
    Real('sink_lines', 'test_where_fails', 'a row that leaves the filter is deleted'),
    Real('sink_lines', 'test_null_rows_and_partners', 'no row without a partner stands beside one with a partner'),
    Real('sink_lines', 'test_expression_fails', 'a refused row shows no older version'),
    Real('sink_lines', 'test_null_row_is_refused', 'a refused row shows no older version'),
    Real('sink_several', 'test_each_table_is_compared', 'the fence compares each table'),
    Real('sink_several', 'test_emptied_alone', 'a mark counts for its own table'),
    Real('sink_plan', 'test_converted_meanwhile', 'progress is taken over as it was read'),
    Real('sink_plan', 'test_added_table_is_empty', 'a table that is added is empty', 'false'),
    Real('sink_plan', 'test_an_entry_comes_back_at_the_start', 'a mark goes with its view', 'false'),
    Real('sink_plan', 'test_out_and_in_again', 'a table that is taken out counts as unkept', 'false'),
    Real('sink_plan', 'test_members_of_before_halt', 'an older member does not take its plan back'),
    Real('sink_plan', 'test_dead_letters_come_first', 'dead letters are settled before a plan changes'),
    Real('sink_plan', 'test_an_entry_comes_back_at_the_start', 'what no view had read is read anew'),
    Real('sink_plan', 'test_an_entry_comes_back_at_the_start', 'dead letters of what is read anew go', 'false'),
    Real('sink_letters', 'test_each_task_has_its_own', 'a task reads its own dead letters',
         'd.partition = ANY ($2::int[])'),
    Real('sink_letters', 'test_lookups_need_the_task_in_the_key', 'each task can have its own dead letter of a record'),
    Real('sink_apply', 'test_constants_mean_one_thing', 'constants mean the same in every session'),
    Real('statements', 'test_delete', 'a delete by range takes every row'),
    Real('sink_load', 'test_load_copy', 'a load waits with its source'),
    Real('statements', 'test_delete', 'a delete names the join key'),
    Real('sink_letters', 'test_dead_letters_ahead_are_swept', 'dead letters of works that never ended are swept'),
    Real('oltp_slot', 'slot_moved_by_others', 'a slot moved by others is noticed'),
    Real('oltp_partitions', 'gone', 'a partition that is gone is noticed'),
    Real('verify_rows', 'every_key', 'both sides give their rows in the order of bytes'),
    Real('verify_rows', 'every_type', 'both sessions show values alike'),
    Real('verify_again', 'on_its_way', 'a difference is looked at again'),
    Real('verify_again', 'not_sent_yet', 'a difference waits for the connector'),
    Real('verify_again', 'read_only', 'no policy hides rows'),
]
UNIT = [
    # the rules of the join
    Unit('test_own_checks', 'entries_go_with_their_rows', 'entries of other targets stay'),
    Unit('test_lookups', 'test_batches', 'a row without its INNER lookup is in no result'),
    Unit('test_lookups', 'test_batches', 'no row that a lookup reaches is written twice'),
    Unit('test_lookups', 'test_batches', 'a row that several lookups reach is emitted once'),
    Unit('test_lookups', 'test_batches', "a lookup's change reaches the rows that refer to it"),
    Unit('test_lookups', 'test_batches', 'referrers are followed up to the core'),
    Unit('test_lookups', 'test_batches', 'rows that a lookup takes away are deleted'),
    Unit('test_lookups', 'test_batches', 'a NULL row goes when a partner is there'),
    Unit('test_lookups', 'test_batches', 'rows with a partner go with the last one'),
    Unit('test_lookups', 'test_batches', 'a NULL row comes when the last partner goes'),
    Unit('test_lookups', 'test_batches', 'no NULL row is written twice'),
    Unit('test_lookups', 'test_batches', 'a NULL row takes the place of the last row'),
    Unit('test_lookups', 'test_batches', 'changed rows of lookups are checked'),
    Unit('test_lookups', 'test_chunks', "another target's combinations begin anew"),
    Unit('test_lookups', 'test_batches', 'combinations begin anew where referrers were looked at'),
    Unit('test_lookups', 'test_batches', 'rows that WHERE may leave out are checked'),
    Unit('test_lookups', 'test_what_a_load_tries', 'rows that an initial load may not try are checked'),
    Unit('test_looks', 'test_changed_rows', 'rows without their INNER lookup are walked over once'),
    Unit('test_looks', 'test_changed_rows', 'partners are looked for bit by bit'),
    Unit('test_load', 'it_pauses', 'an initial load looks for rows bit by bit'),
    # what a view may be
    Unit('test_keys', 'test_comparable_types', 'an integer is placed as the bigint that it is compared with'),
    Unit('test_sql', 'test_narrow_left', 'a delete takes the join key of every table'),
    Unit('test_lookup_size', 'a_load_halts', 'a lookup that is too large halts its tasks'),
    Unit('test_share', 'test_many_references', 'a plan has no more references than a cache has indexes'),
    Unit('test_roles', 'test_refused', 'a key that may be NULL is refused where the view shows such rows'),
    Unit('test_roles', 'test_refused', 'a lookup is found by a column of a like type'),
    Unit('test_roles', 'test_refused', 'all that ON says is kept'),
    Unit('test_roles', 'test_refused', 'a table is core once'),
    Unit('test_views', 'test_second_plan', 'the views of a plan read a table in one way'),
    Unit('test_roles', 'test_lookups', 'a table that another one is joined INNER on is INNER'),
    Unit('test_expression', 'test_checks', "a row's own check leaves out what WHERE may guard"),
    # the indexes of a cache
    Unit('test_quick', 'test_references_too_long', "a reference that can't be indexed is refused"),
    Unit('test_references', 'test_entries_follow_their_rows', 'an index entry goes when its row refers elsewhere'),
    Unit('test_references', 'test_entries_are_undone_with_their_rows', 'an index entry is undone with its row'),
    Unit('test_index_build', 'test_many_referrers_with_flat_memory', 'indexes are built after a bulk load'),
    Unit('test_index_build', 'test_a_commit_that_a_crash_met', 'indexes that a crash has torn are built again'),
    # what follows from it in the pipeline
    Unit('test_fill', 'it_is_filled_anew_after_it_was_taken_away', 'a mark goes with the last rows'),
    Unit('test_fill', 'it_is_filled_beside_the_other_task', 'a task that fills a table is not ready'),
    Unit('test_fill', 'it_waits_for_a_cache_that_is_ahead', 'a fill waits for a cache that is ahead'),
    # lookup topics: one reader for all tasks
    Unit('test_freshness', 'a_stalled_road_is_not', 'a connector that is silent is not ready'),
    Unit('test_lookup_topics', 'a_late_task_goes_back', 'lookups are read again for who needs them'),
    Unit('test_lookup_topics', 'a_late_task_goes_back', 'a task skips what it has read'),
    Unit('test_lookup_topics', 'a_late_task_goes_back', 'lookups are read from where the task stands'),
    Unit('test_lookup_topics', 'a_late_task_goes_back', 'a shared record is given back once'),
    Unit('test_lookup_topics', 'a_replay_has_lookups', 'lookups are replayed, too'),
    Unit('test_lookup_topics', 'a_cache_may_be_behind_in_one_topic_alone',
         "each topic's offsets are compared by themselves"),
    Unit('test_lookup_topics', 'a_scan_waits_for_its_end', 'lookups are read to their end before a load'),
    Unit('test_lookup_topics', 'what_passed_by_is_noticed', 'records that passed a task by are noticed'),
    Unit('test_lookup_topics', 'a_log_that_is_too_short_is_seen',
         'a lookup topic that is shorter than what was read is seen'),
    Unit('test_lookup_topics', 'a_full_task_is_cut_and_goes_back', 'what there is no room for is read again'),
    Unit('test_lookup_topics', 'a_full_task_is_cut_and_goes_back', 'slow tasks let others read'),
    Unit('test_lookup_topics', 'going_back_costs_time', 'who takes others back waits longer each time'),
    Unit('test_lookup_topics', 'going_back_costs_time', 'a task that is not read for is not ready'),
    Unit('test_lookup_gone', 'another_log_halts', 'a lookup topic that was gone is compared again'),
    Unit('test_lookup_gone', 'another_log_halts', 'a task whose lookup topics are not known is not ready'),
    Unit('test_lookup_gone', 'nothing_was_applied_of_it', 'without a lookup topic nothing is ready'),
    Unit('test_lookup_topics', 'no_room_costs_no_time', 'only those are charged that something goes back for'),
    Unit('test_lookup_topics', 'where_nobody_reads_nobody_waits', 'who reads nothing waits for nobody'),
    Unit('test_two_roles', 'each_row_is_one_tasks', 'a task passes over rows of other tasks'),
    Unit('test_two_roles', 'it_is_read_from_where_each_role_needs_it',
         'a topic is read from where each role of its table needs it'),
    Unit('test_own_checks', 'a_split_batch_is_checked_first', 'own checks are asked before a batch is split'),
    Unit('test_own_checks', 'entries_go_with_their_rows', 'entries of NULL rows go with them'),
    Unit('test_scalar', 'test_nested', 'a spoilt element is put aside'),
    Unit('test_scalar', 'test_nested', 'an array of NULLs is put aside'),
]
CHECKED = [
    Checked('core', 8000, 'a replay reads to the progress of every topic'),
    Checked('restore', 4000, 'a cache needs progress beside it'),
    Checked('restore', 3000, 'a new connection is verified', also='quiet tasks are compared, too'),
    Checked('split', 2000, 'offsets move with the last transaction'),
    Checked('halts', 4000, 'what the sink reads is kept'),
    Checked('mended', 4000, 'a halted task forgets what was refused'),
]
SIMULATED = [
    # reading: the log, as it is
    Simulated('misroute', 500, 'a record is in its partition'),
    Simulated('remade', 2000, 'a rebuild sees a log that is too short', also='a log anchor shows a log that is too short'),
    Simulated('remade', 8000, 'a replay sees a log that is too short', also='a log anchor shows a log that is too short'),
    Simulated('remade', 4000, 'a log anchor shows a log that is too short'),
    Simulated('remade', 2000, 'the record applied last is compared'),
    Simulated('trimmed', 500, 'records deleted on purpose prove nothing'),
    Simulated('compact', 2000, 'only the record itself is compared'),
    Simulated('remade', 4000, 'nothing is written before the log is proven'),
    Simulated('mix', 20000, 'gaps in the log are noted'),
    Simulated('split', 500, 'blank rows that are replayed are known'),
    Simulated('async', 500, 'blank rows of batches are known'),
    # caches
    Simulated('restore', 4000, 'a cache needs progress beside it'),
    Simulated('group', 4000, 'where a cache stands is stored last'),
    Simulated('core', 2000, 'a removed row hides the stored one'),
    Simulated('rebuild', 2000, 'the last version of a fill wins'),
    Simulated('rebuild', 20000, 'an incomplete cache is discarded',  # its first unread record's age shows it, too
              also='a log left unread for long is read anew'),
    Simulated('rebuild', 20000, 'a log left unread for long is read anew', also='an old cache is discarded'),
    Simulated('rebuild', 8000, 'a distrusted cache is discarded', also='an old cache is discarded'),
    Simulated('core', 2000, 'a cache does not stand behind records that wait'),
    Simulated('core', 8000, 'a replay reads to the progress of every topic'),
    Simulated('nodel', 8000, 'a rebuild reads to the end of the log'),
    Simulated('compact', 4000, 'a rebuild writes what it read'),
    Simulated('stray', 4000, 'a rebuild knows what was deleted'),
    Simulated('stray', 4000, 'a changed row keeps its deletion'),
    Simulated('torn', 8000, 'a row that the log has lost is deleted'),
    # batches
    Simulated('core', 500, 'the last version in a batch wins'),
    Simulated('core', 500, 'no change is too old to count'),
    Simulated('restore', 8000, 'unchanged rows are written, too'),
    Simulated('stray', 3000, 'a row without a partner is deleted'),
    Simulated('stray', 8000, 'what was deleted in between is deleted'),
    Simulated('letters', 2000, 'rows without a partner are checked'),
    Simulated('core', 500, 'no sink row is written twice'),
    Simulated('schemas', 500, 'a partner is asked of every table'),
    Simulated('split', 2000, 'offsets move with the last transaction'),
    Simulated('letters', 4000, 'a refused batch is undone in the state'),
    # sessions and members
    Simulated('restore', 3000, 'a new connection is verified', also='quiet tasks are compared, too'),
    Simulated('restore', 3000, 'every session is verified', also='quiet tasks are compared, too'),
    Simulated('live', 2000, 'every session is verified', also='quiet tasks are compared, too'),
    Simulated('table', 500, 'quiet tasks are compared, too'),
    Simulated('table', 500, 'another table is looked at', also='quiet tasks are compared, too'),
    Simulated('table', 500, 'progress of another table is dropped'),
    Simulated('group', 2000, 'a fence blames no record'),
    Simulated('live', 2000, 'a fence blames no record'),
    Simulated('halts', 4000, 'what the sink reads is kept'),
    Simulated('core', 2000, 'a task writes through one session'),
    Simulated('halts', 8000, 'an orphaned task waits for its own session'),
    Simulated('schemas', 12000, 'a task that awaits its verdict is left alone'),
    Simulated('trigger', 1000, 'only a task sent alone is halted'),
    Simulated('letters', 4000, 'only a task sent alone is refused'),
    # dead letters and decisions
    Simulated('mixletters', 4000, 'what a dead letter keeps is applied'),
    Simulated('mixletters', 4000, 'a record put aside stays aside'),
    Simulated('legacy', 2000, 'no dead letter keeps a refused version'),
    Simulated('letters', 4000, 'a dead letter keeps the version before it'),
    Simulated('torn', 500, 'dead letters go with the last transaction'),
    Simulated('swapped', 2000, 'a dead letter is of its own record'),
    Simulated('swapped', 2000, "a dead letter's checksum is compared"),
    Simulated('swapped', 2000, 'no dead letter is ahead of the offsets'),
    Simulated('hole', 4000, 'a restart forgets what was found'),
    Simulated('decided', 2000, 'a live task sees decisions'),
    Simulated('decided', 2000, 'a rebuild sees decisions'),
    Simulated('decided', 2000, 'decisions outlive an acquisition'),
    Simulated('haltletters', 8000, 'checked rows outlive their bisection'),
    Simulated('mixletters', 8000, 'one bisection at a time'),
    Simulated('mended', 4000, 'a halted task forgets what was refused'),
    Simulated('mended', 2000, 'dead.letter.max bounds what a rebuild finds'),
    Simulated('mended', 2000, 'dead.letter.max bounds the dead letters of batches'),
    # refused rows and conflicts
    Simulated('checked', 500, 'a refused row blames no record'),
    Simulated('unique', 2000, 'a conflict blames no record'),
    Simulated('checked', 500, 'the entry of a row that passes goes'),
    Simulated('checked', 500, 'the entry of a deleted row goes'),
    Simulated('any', 4000, 'entries beside a deleted row stay'),
    Simulated('checkmix', 2000, 'refused rows of a lost answer are read'),
    Simulated('checkmix', 2000, 'refused rows are read back'),
    Simulated('checkmix', 4000, 'own checks are asked before rows are refused'),
    Simulated('checkmix', 4000, 'a rebuild blames records before rows'),
    Simulated('fewrefused', 2000, 'refused.row.max bounds refused rows'),
    Simulated('unique', 20000, 'a rebuild in conflict deletes first'),
    Simulated('unique', 20000, 'a conflict is tried in halves'),
    Simulated('unique', 4000, 'a row of the past passes in a rebuild'),
    Simulated('unique', 8000, 'a rebuild leaves time to who waits'),
    Simulated('unique', 8000, 'what waits lets others write'),
    Simulated('unique', 8000, 'a task in conflict lets others read'),
    # lookups: what their rows' changes reach
    Simulated('star:mix', 500, "a lookup's change reaches the rows that refer to it"),
    Simulated('chain:mix', 500, 'referrers are followed up to the core'),
    Simulated('two:mix', 1000, 'no row that a lookup reaches is written twice'),
    Simulated('alias:mix', 500, 'a row that several lookups reach is emitted once'),
    Simulated('star:mix', 500, 'a row without its INNER lookup is in no result'),
    Simulated('star:stray', 500, 'rows that a lookup takes away are deleted'),
    Simulated('star:mix', 1000, 'a rebuild writes what refers to changed lookups'),
    Simulated('star:dl', 1000, 'changed rows of lookups are checked'),
    Simulated('where:dl', 1000, 'rows that WHERE may leave out are checked'),
    Simulated('star:dl', 1000, 'rows that an initial load may not try are checked'),
    # ... and how they are read
    Simulated('star:mix', 500, 'lookups are read again for who needs them'),
    Simulated('chain:group', 1000, 'lookups are read again for who needs them',
              also='records that passed a task by are noticed'),
    Simulated('star:mix', 500, 'a task skips what it has read'),
    Simulated('two:group', 1000, 'lookups are read from where the task stands'),
    Simulated('star:mix', 2000, 'lookups are replayed, too'),
    Simulated('starleft:quiet', 500, 'lookups are read to their end before a load'),
    Simulated('star:mix', 500, 'indexes are built after a bulk load'),
    Simulated('star:mix', 1000, 'an index entry goes when its row refers elsewhere'),
    Simulated('star:dl', 2000, 'an index entry is undone with its row'),
    # LEFT JOIN of core tables
    Simulated('leftcore:mix', 500, 'a NULL row goes when a partner is there'),
    Simulated('leftone:mix', 1000, 'a NULL row comes when the last partner goes'),
    Simulated('leftcore:stray', 1000, 'rows with a partner go with the last one'),
    Simulated('left2:mix', 2000, 'no NULL row is written twice'),
    Simulated('views:mix', 8000, 'entries of NULL rows go with them'),
    # one table in two roles
    Simulated('boss:mix', 500, 'a task passes over rows of other tasks'),
    # several targets
    Simulated('several:mix', 500, 'an initial load fills every target'),
    Simulated('several:mix', 2000, 'each target has partners of its own'),
    Simulated('several:mix', 4000, 'a lookup is asked anew for each target'),
    Simulated('several:dl', 4000, 'rows that one of the targets leaves out are checked'),
    Simulated('several', 4000, 'entries of other targets stay'),
    Simulated('several', 2000, 'keys of refused rows tell their target'),
    # ... that are filled while members run
    Simulated('changing:async', 4000, 'a mark goes with the last rows'),
    Simulated('changing', 2000, 'a task that fills a table is not ready'),
]


def environment(*out: str, instead: str = '') -> dict:
    return {**os.environ, 'SAFEGUARDS_OUT': '|'.join(filter(None, out)), 'SAFEGUARD_INSTEAD': instead}


def not_the_same() -> list:
    """Points of the sources that no mutation takes out, and the other way round."""
    there = set()
    for source in sorted([*ROOT.glob('consumer/**/*.[ch]'), *ROOT.glob('tests/sim/*.[ch]')]):
        if source.name != 'safeguard.h':
            there |= set(re.findall(r'SAFEGUARD(?:_SQL)?\([\s\\]*"([^"]*)"', source.read_text()))
    known = {name for m in ORACLE + CHECKED + SIMULATED for name in (m.out, m.also) if name} | \
        {m.out for m in REAL + UNIT}
    return [f'no mutation takes it out: {name}' for name in sorted(there - known)] + \
        [f'no point of the sources: {name}' for name in sorted(known - there)]


def build(*targets: str) -> bool:
    for command in (['cmake', '--preset', 'mutations'],
                    ['cmake', '--build', '--preset', 'mutations', '--target', *targets]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            print(f'FAIL {" ".join(command)}\n{(done.stdout + done.stderr)[-3000:]}', flush=True)
            return False
    return True


def simulate(mutation: Simulated) -> str:
    """What the simulator says of the first seed that fails, or ''; for Checked, what did not hold."""
    env = environment(mutation.out, mutation.also)
    done = subprocess.run(['prlimit', '--cpu=300', BUILD / 'sim', '--family', mutation.family, '--jobs', '1',
                           '--seeds', str(mutation.seeds), '--stop-at-first'], capture_output=True, text=True,
                          env=env if isinstance(mutation, Checked) else {**env, 'SIM_UNCHECKED': '1'})
    fails = [line.removeprefix('FAIL ') for line in done.stdout.splitlines() if line.startswith('FAIL')]
    broken = [line for line in done.stderr.splitlines() if 'does not hold' in line]
    if bool(broken) != isinstance(mutation, Checked):
        return ''
    return ', '.join(fails[:1] + broken[:1])


def try_simulated(mutation: Simulated) -> bool:
    how = simulate(mutation)
    what = mutation.out + (f' (beside: {mutation.also})' if mutation.also else '')
    print(f'PASS {what}: {how}' if how else
          f'FAIL {what}: not caught in {mutation.seeds} seeds of {mutation.family}', flush=True)
    return bool(how)


def failing(mutation: Real, out: str) -> str:
    """'' if the test passes; else the check that fails, or that none ran."""
    env = {**environment(out, instead=mutation.instead if out else ''), 'ONLY_TEST': mutation.test}
    command, passes, fails = [BUILD / f'integration_test_{mutation.program}'], '[       OK ] ', '[  FAILED  ] '
    if mutation.program == 'statements':
        command = ['/usr/bin/python3', ROOT / 'tests/sql/test_statements.py', BUILD, mutation.test]
        passes, fails = 'PASS ', 'FAIL '
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env)
    lines = (done.stdout + done.stderr).splitlines()
    failed = [line.removeprefix(fails) for line in lines if line.startswith(fails)]
    if done.returncode == 0 and not failed and any(line.startswith(passes) for line in lines):
        return ''
    return failed[0] if done.returncode > 0 and failed else f'no test ran: {" ".join(lines)[-500:]}'


def try_real(mutation: Real) -> bool:
    """The test must fail by one of its checks, and pass with everything in its place."""
    what = f'{mutation.out}, in PostgreSQL' + (f' (instead: {mutation.instead})' if mutation.instead else '')
    how = failing(mutation, out=mutation.out)
    wrong = f'not caught by {mutation.test}' if not how else how if 'no test ran' in how else failing(mutation, out='')
    print(f'FAIL {what}: {wrong}' if wrong else f'PASS {what}: {how}', flush=True)
    return not wrong


def try_unit(mutation: Unit) -> bool:
    """The test must fail without it, and the program's others are of no interest; it passes with it."""
    def run(out: str) -> list:
        done = subprocess.run([BUILD / mutation.program], cwd=ROOT, capture_output=True, text=True,
                              env=environment(out), check=False)
        lines = (done.stdout + done.stderr).splitlines()
        return [line for line in lines if line.endswith(f' {mutation.test}')
                and line.startswith(('[  FAILED  ]', '[       OK ]'))]
    without, with_it = run(mutation.out), run('')
    caught = any('FAILED' in line for line in without) and with_it and all('OK' in line for line in with_it)
    print(f'PASS {mutation.out}: {mutation.test}' if caught else
          f'FAIL {mutation.out}: not caught by {mutation.test} of {mutation.program}', flush=True)
    return caught


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument('--only')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    simulated = [m for m in ORACLE + CHECKED + SIMULATED if args.only in (None, m.out)]
    real = [m for m in REAL if args.only in (None, m.out)]
    unit = [m for m in UNIT if args.only in (None, m.out)]
    if args.list:
        print('\n'.join(m.out for m in [*simulated, *real, *unit]))
        return 0
    programs = {f'integration_test_{m.program}' for m in REAL if m.program != 'statements'}
    if 'PG_SERVER' not in os.environ:
        if not build('sim', *programs, *{m.program for m in UNIT}):
            return 1
        sys.stdout.flush()
        server = ['bash', ROOT / 'tests/integration/run.sh', BUILD, '--exec']
        return subprocess.run([*server, sys.executable, *sys.argv], check=False).returncode
    wrong = not_the_same()
    print(''.join(f'FAIL {line}\n' for line in wrong), end='', flush=True)
    with ThreadPoolExecutor(args.jobs) as pool:
        in_postgres = pool.submit(lambda: [try_real(m) for m in real])  # one server: one at a time
        longest_first = sorted(simulated, key=lambda m: -m.seeds)
        caught = [*pool.map(try_simulated, longest_first), *pool.map(try_unit, unit), *in_postgres.result()]
    return 0 if caught and all(caught) and not wrong else 1


if __name__ == '__main__':
    sys.exit(main())
