# shellcheck shell=bash
# Native mode: processes, their pid files, and who holds a port. Linux and bash 5, but no ps, ss or lsof.

# A process started here is known by its pid and its start time (field 22 of /proc/PID/stat): a pid that has been given
# to another process since is never mistaken for ours, and nothing is ever ended by name.
start_time_of() { # pid
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    [ "$1" != Z ] || return 1
    echo "${20}"
}

pid_file() { echo "$RUN_DIR/$1.pid"; }

pid_of() { # name; prints the pid if that process still runs
    local pid started
    { read -r pid started <"$(pid_file "$1")"; } 2>/dev/null || return 1
    [ "$(start_time_of "$pid")" = "$started" ] || return 1
    echo "$pid"
}
alive() { pid_of "$1" >/dev/null; }

# Start a process of its own session, so that neither Ctrl-C nor the end of the terminal reaches it.
spawn() { # name log command...
    local name=$1 log=$2 pid
    shift 2
    [ "$log" = "$CONSUMER_LOG" ] || mark_log "$log"
    setsid "$@" >>"$log" 2>&1 </dev/null &
    pid=$!
    echo "$pid $(start_time_of "$pid")" >"$(pid_file "$name")"
}

# SIGTERM, then SIGKILL to what is still there after the given seconds. Status 1 if it had to be killed.
end_process() { # name seconds
    local pid killed=0
    pid=$(pid_of "$1") || { rm -f "$(pid_file "$1")"; return 0; }
    kill -TERM "$pid" 2>/dev/null || true
    if ! wait_for "$2" not_alive "$1"; then
        kill -KILL "$pid" 2>/dev/null || true
        wait_for 5 not_alive "$1" || true
        killed=1
    fi
    rm -f "$(pid_file "$1")"
    return "$killed"
}
not_alive() { ! alive "$1"; }

# ---- ports ---------------------------------------------------------------------------------------------------------

# The inode of the socket that listens on a port of this machine, from the kernel's tables.
listening_inode() { # port
    local hex
    hex=$(printf ':%04X' "$1")
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }'
}
port_listens() { [ -n "$(listening_inode "$1")" ]; }

# Says who listens: the pid and the command line, as far as this user may see them.
port_holder() { # port
    local inode fd pid
    inode=$(listening_inode "$1")
    for fd in /proc/[0-9]*/fd/*; do
        [ "$(readlink "$fd" 2>/dev/null)" = "socket:[$inode]" ] || continue
        pid=${fd#/proc/}
        pid=${pid%%/*}
        echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-120)"
        return
    done
    echo "a process of another user, or in a container"
}

require_free_port() { # port variable what
    port_listens "$1" || return 0
    step_failed "Port $1 ($2, for $3) is used by $(port_holder "$1")." '' \
        "stop that process, or choose another port: change $2 in .env, or: $2=$(($1 + 10000)) bin/startup.sh"
}
