# shellcheck shell=bash
# Docker mode behind the interface of the scripts: stack_setup, stack_start, stack_stop, stack_wipe, stack_scale,
# stack_psql, stack_verify, stack_status. Native mode (native.sh) has the same names.
# bash 3.2 and POSIX tools only; everything else happens in containers.

# shellcheck source=bin/stack/docker-project.sh
. "$ROOT/bin/stack/docker-project.sh"
# shellcheck source=bin/stack/docker-members.sh
. "$ROOT/bin/stack/docker-members.sh"
# shellcheck source=bin/stack/docker-status.sh
. "$ROOT/bin/stack/docker-status.sh"

# shellcheck source=bin/stack/connector-steps.sh
. "$ROOT/bin/stack/connector-steps.sh"

compose_quietly() { # what-failed compose-arguments...
    local what=$1 log=$LOG_DIR/docker.log
    shift
    compose "$@" >"$log" 2>&1 </dev/null ||
        step_failed "$what" "$log" "read $log, then bin/startup.sh again"
}

stack_setup() {
    require_docker
    mkdir -p "$LOG_DIR"
    docker_images_work || docker_needed "Docker mode can't start: $WHY_NOT."
    check_schemas
    step "Building the consumer's image"
    compose_quietly "The consumer's image does not build." build consumer
    step_done
}

# ---- start ---------------------------------------------------------------------------------------------------------

stack_start() {
    # The daemon itself says so when a port is taken, but not by whom: nor can this host be asked in a way that works
    # on a Mac and on Linux alike.
    step "OLTP and OLAP PostgreSQL on 127.0.0.1:$OLTP_PORT and :$OLAP_PORT"
    up oltp olap kafka
    await_healthy oltp "$HALF_MADE"
    await_healthy olap "$HALF_MADE"
    step_done
    step "Kafka $KAFKA_VERSION on 127.0.0.1:$KAFKA_PORT"
    await_healthy kafka
    step_done
    step "Kafka Connect on 127.0.0.1:$CONNECT_PORT"
    connect_lives || each_plan check_slot
    up connect
    rm -f "$RUN_DIR"/slot*
    await_healthy connect
    step_done
    step "Source tables, sink tables, topics"
    compose_quietly "The tables or topics could not be made." run --rm --no-deps -T init tables
    step_done
    each_plan register_connector
    stack_scale "$CONSUMERS"
    each_plan connector_still_runs
    say_gone_plans
}
HALF_MADE='if its first start was interrupted, its volume is incomplete and no start repairs it: bin/shutdown.sh --wipe'
HALF_MADE="$HALF_MADE (removes all data of this stack), then bin/startup.sh"

# Before anything is touched or remembered: what was registered last, and what runs, must allow what is wanted now.
stack_check() {
    read_plans
    check_connectors
    write_docker_settings
}
# In the image, which needs nothing else of the stack for it.
plan_in_image() {
    compose run --rm --no-deps -T ${PLAN_CHOSEN:+-e} ${PLAN_CHOSEN:+"SYNC_SCHEMAS_PLAN=$PLAN_CHOSEN"} \
        --entrypoint oltp-olap-sync init plan "$@"
}
plan() { plan_in_image "$@" </dev/null; }
compare_with_plan() { plan_in_image --check-connector <"$1"; }
oltp_query() { compose exec -T oltp psql -X -q -U "$PG_USER" -d "$PG_DATABASE" "$@"; }
connect_rest() { # method path [file]; prints the answer; fails on an HTTP error
    local method=$1 path=$2
    shift 2
    compose exec -T connect curl -sS --fail-with-body --max-time 30 -X "$method" -H 'Content-Type: application/json' \
        ${1:+--data-binary @-} "http://localhost:8083$path" <"${1:-/dev/null}"
}
connect_answers() { connect_rest GET /connectors >/dev/null 2>&1; }
connect_knows() { container_runs "$(container_of kafka)"; }
connect_lives() { container_runs "$(container_of connect)"; }

up() { # service...
    compose up -d --no-deps "$@" >"$LOG_DIR/docker.log" 2>&1 </dev/null || up_failed
}
# Waits until the health check passes; a container that keeps crashing, or a database that refuses the login, won't.
await_healthy() { # service [advice]
    local service=$1 id log=$LOG_DIR/docker.log
    shift
    id=$(container_of "$service")
    RESTARTS=$(restarts_of "$id")
    WATCH="container_hopes $id" wait_for 180 container_healthy "$id" && return 0
    {
        docker logs --tail 15 "$id" 2>&1
        say "" "The health check says: $(health_output "$id")"
    } >"$log"
    step_failed "The container $service is not healthy." "$log" "read the log above, then bin/startup.sh again" "$@"
}
up_failed() {
    if grep -q -e 'already allocated' -e 'already in use' -e 'Ports are not available' "$LOG_DIR/docker.log"; then
        step_failed "A port is in use$(port_takers)." "$LOG_DIR/docker.log" \
            "stop what uses it, or choose another port in .env, then bin/startup.sh again"
    fi
    step_failed "Docker could not start it." "$LOG_DIR/docker.log" "read the log above, then bin/startup.sh again"
}
# Another container, or, where lsof is installed, a process.
port_takers() {
    local port holder
    for port in "$OLTP_PORT" "$OLAP_PORT" "$KAFKA_PORT" "$CONNECT_PORT"; do
        holder=$(docker ps --filter "publish=$port" --format '{{.Names}}' 2>/dev/null |
            grep -v "^$COMPOSE_PROJECT_NAME-[a-z]*-[0-9]*\$" | head -n 1)
        if [ -n "$holder" ]; then
            printf ': %s by the container %s' "$port" "$holder"
        elif command -v lsof >/dev/null 2>&1; then
            holder=$(lsof -nP -iTCP:"$port" -sTCP:LISTEN 2>/dev/null | awk 'NR == 2 { print $1 " (process " $2 ")" }')
            case $holder in ''|*docke*) ;; *) printf ': %s by %s' "$port" "$holder" ;; esac
        fi
    done
}

# ---- containers ----------------------------------------------------------------------------------------------------

container_of() { compose ps -aq "$1" 2>/dev/null </dev/null | head -n 1; } # service
container_runs() { [ "$(docker inspect -f '{{.State.Status}}' "$1" 2>/dev/null)" = running ]; }
container_healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$1" 2>/dev/null)" = healthy ]; }
restarts_of() { docker inspect -f '{{.RestartCount}}' "$1" 2>/dev/null || echo 0; }
health_output() { docker inspect -f '{{range .State.Health.Log}}{{.Output}}{{end}}' "$1" 2>/dev/null | sed '/^$/d' | tail -n 1; }
# Worth waiting for: it has not ended, Docker has not started it again three times since RESTARTS was noted, and, of a
# database, its server (that of the set-up has no network) has not refused the login for a reason that stays.
container_hopes() { # id
    case $(docker inspect -f '{{.State.Status}}' "$1" 2>/dev/null) in running|restarting|created) ;; *) return 1 ;; esac
    [ $(($(restarts_of "$1") - RESTARTS)) -lt 3 ] || return 1
    ! health_output "$1" | grep -q -e 'no pg_hba.conf entry' -e 'FATAL: .* does not exist' \
        -e 'password authentication failed'
}

# ---- stop ----------------------------------------------------------------------------------------------------------

stack_stop() {
    require_docker
    mkdir -p "$LOG_DIR"
    step "Stopping the containers"
    # In the order of their dependencies; containers and volumes stay. Docker will not start them by itself.
    # shellcheck disable=SC2046  # names without blanks
    compose_quietly "Docker could not stop them." stop $(each_plan member_service) connect
    ! container_runs "$(container_of oltp)" || each_plan remember_slot
    compose_quietly "Docker could not stop them." stop
    end_followers
    step_done
}
stack_wipe() {
    step "Removing databases, topics and caches"
    compose_quietly "Docker could not remove the volumes." down --volumes --remove-orphans
    rm -f "$RUN_DIR/mode" "$RUN_DIR/project" "$PLANS_FILE"* "$RUN_DIR"/slot* "$RUN_DIR/docker-settings.yml" "$RUN_DIR"/connector*.json* \
        "$KEPT_SETTINGS"*
    step_done
}

stack_verify() { # options of verify
    local tty=''
    require_docker
    if [ ! -t 0 ] || [ ! -t 1 ]; then tty=-T; fi
    # shellcheck disable=SC2086  # no argument at all on a terminal
    compose run --rm --no-deps $tty --entrypoint oltp-olap-sync init verify "$@"
}
stack_psql() { # oltp|olap psql-arguments...
    local db=$1 tty=''
    shift
    require_docker
    container_runs "$(container_of "$db")" || {
        say "The container $db does not run; bin/startup.sh starts it." >&2
        exit 1
    }
    if [ ! -t 0 ] || [ ! -t 1 ]; then tty=-T; fi
    # shellcheck disable=SC2086  # no argument at all on a terminal
    compose exec $tty "$db" psql -U "$PG_USER" -d "$PG_DATABASE" "$@"
}
