# shellcheck shell=bash
# Docker mode behind the interface of the scripts: stack_setup, stack_start, stack_stop, stack_wipe, stack_scale,
# stack_psql, stack_status. Native mode (native.sh) has the same names.
# bash 3.2 and POSIX tools only; everything else happens in containers.

compose() { docker compose --project-directory "$ROOT" -f "$ROOT/docker-compose.yml" "$@"; }
compose_quietly() { # what-failed compose-arguments...
    local what=$1 log=$LOG_DIR/docker.log
    shift
    compose "$@" >"$log" 2>&1 </dev/null ||
        step_failed "$what" "$log" "read $log, then bin/startup.sh again"
}

stack_setup() {
    mkdir -p "$LOG_DIR"
    local image
    for image in $(docker_images); do
        docker image inspect "$image" >/dev/null 2>&1 && continue
        step "Image $image"
        docker pull -q "$image" >"$LOG_DIR/docker.log" 2>&1 </dev/null ||
            step_failed "The image can't be had." "$LOG_DIR/docker.log" "is the network there? then run this again"
        step_done
    done
    step "Building the consumer's image"
    compose_quietly "The consumer's image does not build." build consumer
    step_done
}

stack_start() {
    # The daemon itself says so when a port is taken, but not by whom: nor can this host be asked in a way that works
    # on a Mac and on Linux alike.
    step "OLTP and OLAP PostgreSQL on 127.0.0.1:$OLTP_PORT and :$OLAP_PORT"
    up_healthy oltp olap
    step "Kafka $KAFKA_VERSION on 127.0.0.1:$KAFKA_PORT"
    up_healthy kafka
    step "Kafka Connect on 127.0.0.1:$CONNECT_PORT"
    up_healthy connect
    step "Sink tables, topics, Debezium connector $CONNECTOR"
    compose_quietly "The connector does not run." run --rm --no-deps -T init
    if wait_for 30 slot_is_read; then step_done; else step_done "$SNAPSHOT_REMARK"; fi
    stack_scale "$CONSUMERS"
}

slot_is_read() {
    [ "$(compose exec -T oltp psql -U "$PG_USER" -d "$PG_DATABASE" -Atc "$SLOT_READ_SQL" 2>/dev/null </dev/null)" = t ]
}

# Starts the services and waits until their health checks pass.
up_healthy() { # service...
    local service id
    compose up -d --no-deps "$@" >"$LOG_DIR/docker.log" 2>&1 </dev/null || up_failed
    for service in "$@"; do
        id=$(compose ps -q "$service" | head -n 1)
        WATCH="container_lives $id" wait_for 180 container_healthy "$id" || {
            compose logs --no-color --tail 15 "$service" >"$LOG_DIR/docker.log" 2>&1 || true
            step_failed "The container $service is not healthy." "$LOG_DIR/docker.log" \
                "read the log above, then bin/startup.sh again"
        }
    done
    step_done
}
up_failed() {
    if grep -q -e 'already allocated' -e 'already in use' -e 'Ports are not available' "$LOG_DIR/docker.log"; then
        step_failed "A port is taken$(port_takers)." "$LOG_DIR/docker.log" \
            "end what holds it, or choose another port in .env, then bin/startup.sh again"
    fi
    step_failed "Docker could not start it." "$LOG_DIR/docker.log" "read the log above, then bin/startup.sh again"
}
# Another container, or, where lsof is installed, a process.
port_takers() {
    local port holder
    for port in "$OLTP_PORT" "$OLAP_PORT" "$KAFKA_PORT" "$CONNECT_PORT"; do
        holder=$(docker ps --filter "publish=$port" --format '{{.Names}}' 2>/dev/null | grep -v "^$COMPOSE_PROJECT_NAME" | head -n 1)
        if [ -n "$holder" ]; then
            printf ': %s by the container %s' "$port" "$holder"
        elif command -v lsof >/dev/null 2>&1; then
            holder=$(lsof -nP -iTCP:"$port" -sTCP:LISTEN 2>/dev/null | awk 'NR == 2 { print $1 " (process " $2 ")" }')
            case $holder in ''|*docke*) ;; *) printf ': %s by %s' "$port" "$holder" ;; esac
        fi
    done
}
container_healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$1" 2>/dev/null)" = healthy ]; }
container_lives() { [ "$(docker inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }

# ---- members -------------------------------------------------------------------------------------------------------

stack_scale() { # N
    mkdir -p "$LOG_DIR"
    step "Consumer with $1 members"
    compose_quietly "The members could not be started." up -d --no-deps --scale "consumer=$1" consumer
    follow_consumer_logs
    wait_for 120 members_ready "$1" || {
        compose logs --no-color --tail 15 consumer >"$LOG_DIR/docker.log" 2>&1 || true
        step_failed "Not every member is ready." "$LOG_DIR/docker.log" "see docs/operations.md for the message"
    }
    step_done
}
started_at() { docker inspect -f '{{.State.StartedAt}}' "$1"; }
# Each member has said that it is ready since its container started.
members_ready() { # N
    local id ready=0
    for id in $(compose ps -q consumer 2>/dev/null); do
        if docker logs --since "$(started_at "$id")" "$id" 2>&1 | grep -q 'event=ready'; then ready=$((ready + 1)); fi
    done
    [ "$ready" -ge "$1" ]
}

# logs/kafka-consumer.out on this host, as in native mode: one follower for each container, which ends with it.
follow_consumer_logs() {
    local id
    mkdir -p "$RUN_DIR"
    touch "$CONSUMER_LOG"
    for id in $(compose ps -q consumer 2>/dev/null); do
        [ -z "$(follower_pid "$id")" ] || continue
        nohup docker logs -f --since "$(started_at "$id")" "$id" >>"$CONSUMER_LOG" 2>&1 </dev/null &
        echo $! >"$RUN_DIR/follower-$id.pid"
    done
}
follower_pid() { # container
    local pid
    { read -r pid <"$RUN_DIR/follower-$1.pid"; } 2>/dev/null || return 0
    case $(ps -o args= -p "$pid" 2>/dev/null) in *"logs -f"*"$1"*) echo "$pid" ;; esac
}
end_followers() {
    local file id pid
    for file in "$RUN_DIR"/follower-*.pid; do
        [ -e "$file" ] || continue
        id=${file##*/follower-}
        pid=$(follower_pid "${id%.pid}")
        [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
        rm -f "$file"
    done
}

# ---- stop, look ----------------------------------------------------------------------------------------------------

stack_stop() {
    mkdir -p "$LOG_DIR"
    step "Stopping the containers"
    # In the order of their dependencies; containers and volumes stay.
    compose_quietly "Docker could not stop them." stop
    end_followers
    step_done
}
stack_wipe() {
    step "Removing databases, topics and caches"
    compose_quietly "Docker could not remove the volumes." down --volumes --remove-orphans
    rm -f "$RUN_DIR/mode" "$KEPT_SETTINGS"
    step_done
}

stack_psql() { # oltp|olap psql-arguments...
    local db=$1 tty=''
    shift
    if [ ! -t 0 ] || [ ! -t 1 ]; then tty=-T; fi
    # shellcheck disable=SC2086  # no argument at all on a terminal
    compose exec $tty "$db" psql -U "$PG_USER" -d "$PG_DATABASE" "$@"
}

stack_status() {
    local json
    say "Docker mode, project $COMPOSE_PROJECT_NAME"
    compose ps
    json=$(compose exec -T connect curl -sS "http://localhost:8083/connectors/$CONNECTOR/status" 2>/dev/null </dev/null) || json=''
    say "" "Connector $CONNECTOR and its task: $(printf '%s' "$json" | tr ',' '\n' |
        sed -n 's/.*"state" *: *"\([A-Z_]*\)".*/\1/p' | tr '\n' ' ')"
    say "Not yet read from the OLTP database's log: $(compose exec -T oltp psql -U "$PG_USER" -d "$PG_DATABASE" \
        -Atc "$SLOT_LAG_SQL" 2>/dev/null </dev/null || echo unknown)"
    say "" "Not yet applied, by topic (as the members told Kafka):"
    compose exec -T kafka /opt/kafka/bin/kafka-consumer-groups.sh --bootstrap-server kafka:29092 \
        --describe --all-groups 2>/dev/null </dev/null | lag_by_topic
}

# ---- for common.sh -------------------------------------------------------------------------------------------------

stack_check() { :; }
stack_plan() { compose run --rm --no-deps -T --entrypoint oltp-olap-sync init plan </dev/null; }
oltp_query() { compose exec -T oltp psql -X -q -U "$PG_USER" -d "$PG_DATABASE" "$@"; }
