# shellcheck shell=bash
# Docker mode: the consumer's members and their log. bash 3.2 and POSIX tools only, as docker.sh.

member_service() { echo "$MEMBER"; }
members() { compose ps -q "$MEMBER" 2>/dev/null </dev/null; } # of the plan

stack_scale() { # N
    local name
    require_docker
    mkdir -p "$LOG_DIR"
    if [ "$1" -gt 0 ]; then
        for name in olap kafka; do
            container_runs "$(container_of "$name")" && continue
            say "The container $name does not run, and no member can work without it." \
                "CONSUMERS=$1 bin/startup.sh starts everything, with so many members." >&2
            exit 1
        done
    fi
    remove_members_of_no_plan
    each_plan scale_plan "$1"
}
# Those whose plan the views no longer have: docker compose knows nothing of them.
remove_members_of_no_plan() {
    local known service id rest
    known=$(each_plan member_service)
    project_containers | while read -r service id rest; do
        case $service in consumer*) ;; *) continue ;; esac
        printf '%s\n' "$known" | grep -qxF "$service" || docker rm -f "$id" >/dev/null
    done
}
scale_plan() { # N
    local log=$LOG_DIR/docker.log title=Consumer
    [ "$MEMBER" = consumer ] || title=$MEMBER
    step "$title with $1 member$([ "$1" -eq 1 ] || echo s)"
    compose_quietly "The members could not be started." up -d --no-deps --scale "$MEMBER=$1" "$MEMBER"
    follow_consumer_logs
    note_restarts
    WATCH=members_hope wait_for 120 members_ready "$1" || {
        members_not_ready >"$log" 2>&1 || true
        step_failed "Not every member is ready." "$log" "see docs/operations.md for the message, then bin/scale.sh $1 again"
    }
    step_done
}
member_says() { # container; "ready", or why it is not
    docker exec "$1" curl -s --max-time 5 http://127.0.0.1:9464/readyz 2>/dev/null </dev/null || echo "does not answer"
}
members_ready() { # N
    local id n=0
    for id in $(members); do
        case $(member_says "$id" | sed -n 1p) in ready|'initial copy running'*) ;; *) return 1 ;; esac
        n=$((n + 1))
    done
    [ "$n" -ge "$1" ]
}
# A member that ends again and again won't become ready.
note_restarts() {
    local id
    RESTARTS=0
    for id in $(members); do RESTARTS=$((RESTARTS + $(restarts_of "$id"))); done
}
members_hope() {
    local id n=0
    for id in $(members); do n=$((n + $(restarts_of "$id"))); done
    [ $((n - RESTARTS)) -lt 3 ]
}
members_not_ready() {
    local id
    for id in $(compose ps -aq "$MEMBER"); do
        [ "$(member_says "$id" | sed -n 1p)" != ready ] || continue
        docker logs --tail 15 "$id"
        say "$(docker inspect -f '{{.Name}}' "$id") says: $(member_says "$id" | sed -n 1p)"
    done
}

# ---- logs/kafka-consumer.out on this host, as in native mode ---------------------------------------------------------

# One follower for each container, which ends with it (and with Docker). It goes on where the file ends: behind the member's last line in
# it, or, without one, at the beginning.
follow_consumer_logs() {
    local id
    mkdir -p "$RUN_DIR"
    touch "$CONSUMER_LOG"
    for id in $(members); do
        [ -z "$(follower_pid "$id")" ] || continue
        # A process group of its own, that Ctrl-C does not reach and that can be ended whole.
        set -m
        follow "$id" >>"$CONSUMER_LOG" 2>/dev/null </dev/null &
        echo $! >"$RUN_DIR/follower-$id.pid"
        set +m
    done
}
follow() { # container
    trap '' HUP
    while :; do
        follow_once "$1"
        sleep 1
        # Docker starts it again after a crash.
        case $(docker inspect -f '{{.State.Status}}' "$1" 2>/dev/null) in running|restarting) ;; *) return 0 ;; esac
    done
}
follow_once() { # container
    local id=$1 last since said
    # A member's name is its container's, cut to 12, and the number of its process there.
    last=$(grep -nF " member=$(printf '%.12s' "$id")-" "$CONSUMER_LOG" | tail -n 1) || true
    since=$(printf '%s\n' "$last" | sed -n 's/^[0-9]*:ts=\([0-9T:.Z-]*\) .*/\1/p')
    if [ -n "$since" ]; then
        said=$(tail -n "+${last%%:*}" "$CONSUMER_LOG" | grep -v '^ts=') || true
        docker logs -f --since "$since" "$id" 2>&1 | { skip_through "${last#*:}" "$since" "$said"; exec cat; }
    else
        docker logs -f "$id" 2>&1 | cat
    fi || true
}
# Reads up to and with that line; if it is not there any more, up to the first that is younger. Then lines without a time
# (a library's last words) of which the file may have some. The first line with a time is printed and ends it.
skip_through() { # line its-time lines-without-a-time-behind-it-in-the-file
    local line time behind=''
    while IFS= read -r line; do
        case $line in
            "$1") behind=1 ;;
            ts=*)
                time=${line#ts=}
                time=${time%% *}
                if [ -n "$behind" ] || [[ $time > $2 ]]; then printf '%s\n' "$line"; return 0; fi ;;
            *) [ -z "$behind" ] || printf '%s\n' "$3" | grep -qxF -e "$line" || printf '%s\n' "$line" ;;
        esac
    done
}
follower_pid() { # container; of its process group
    local pid
    { read -r pid <"$RUN_DIR/follower-$1.pid"; } 2>/dev/null || return 0
    # The number may have been given to another process since.
    ps -A -o pgid= -o args= 2>/dev/null | awk -v group="$pid" -v id="$1" \
        '$1 == group && (index($0, id) || index($0, "startup.sh") || index($0, "scale.sh")) { print group; exit }'
}
# They end by themselves when their containers have, with the last lines written.
end_followers() {
    local file id pid
    for file in "$RUN_DIR"/follower-*.pid; do
        [ -e "$file" ] || continue
        id=${file##*/follower-}
        id=${id%.pid}
        wait_for 5 no_follower "$id" || {
            pid=$(follower_pid "$id")
            [ -z "$pid" ] || kill -- "-$pid" 2>/dev/null || true
        }
        rm -f "$file"
    done
}
no_follower() { [ -z "$(follower_pid "$1")" ]; }
