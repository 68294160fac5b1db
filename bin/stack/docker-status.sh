# shellcheck shell=bash
# Docker mode: what runs. bash 3.2 and POSIX tools only, as docker.sh.

# A line for each container of the project, dead ones too: service, id, and what Docker says ("Up 3 minutes (healthy)").
project_containers() {
    docker ps -a --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --filter 'label=com.docker.compose.oneoff=False' \
        --format '{{.Label "com.docker.compose.service"}} {{.ID}} {{.Label "com.docker.compose.container-number"}} {{.Status}}' |
        LC_ALL=C sort -k1,1 -k3,3n
}
show_container() { # title service where
    local says
    says=$(printf '%s\n' "$CONTAINERS" | awk -v s="$2" '$1 == s { $1 = $2 = $3 = ""; sub(/^ +/, ""); print; exit }')
    show_line "$1" "${says:-not there}" "$3"
}
show_line() { # title what-docker-says where
    local up=down
    case $2 in
        'Up '*'(unhealthy)'|'Up '*'(Paused)') up=up TROUBLE="$TROUBLE, $1 is $(printf '%s' "$2" | sed 's/.*(\(.*\)).*/\1/')" ;;
        'Up '*) up=up ;;
        *) DOWN="$DOWN, $1" ;;
    esac
    printf '  %-18s %-5s %-34s %s\n' "$1" "$up" "$2" "$3"
}
show_members() {
    local service id number says ready any=''
    while read -r service id number says; do
        [ "$service" = "$MEMBER" ] || continue
        any=1 ready=''
        case $says in
            'Up '*)
                ready=$(member_says "$id" | sed -n 1p)
                [ "$ready" = ready ] || TROUBLE="$TROUBLE, $MEMBER-$number is not ready" ;;
        esac
        show_line "$MEMBER-$number" "$says" "$ready"
    done <<EOF
$CONTAINERS
EOF
    [ -n "$any" ] || show_line "$MEMBER" "no member is there" ''
}
runs() { printf '%s\n' "$CONTAINERS" | grep -q "^$1 [^ ]* [^ ]* Up "; } # service

show_reading() {
    local lag
    if runs connect; then show_connector "$(runs kafka || echo "as it was before Kafka ended: ")"; fi
    if runs oltp; then
        lag=$(oltp_query -Atc "$SLOT_LAG_SQL" 2>/dev/null </dev/null) || lag=unknown
        say "Not yet read from the OLTP database's log: $lag"
        slot_is_read || TROUBLE="$TROUBLE, nobody reads the slot $SLOT (changes wait)"
    fi
}

# 0: all of it works; 1: something does not; 3: nothing runs.
stack_status() {
    require_docker
    DOWN='' TROUBLE=''
    CONTAINERS=$(project_containers)
    say "Docker mode, project $COMPOSE_PROJECT_NAME$([ -s "$RUN_DIR/mode" ] || echo ", started by docker compose")"
    show_container "OLTP PostgreSQL" oltp "127.0.0.1:$OLTP_PORT"
    show_container "OLAP PostgreSQL" olap "127.0.0.1:$OLAP_PORT"
    show_container Kafka kafka "127.0.0.1:$KAFKA_PORT"
    show_container "Kafka Connect" connect "127.0.0.1:$CONNECT_PORT"
    each_plan show_members
    shown_settings
    if ! printf '%s\n' "$CONTAINERS" | grep -q ' Up '; then
        say "" "Nothing runs; bin/startup.sh starts it."
        return 3
    fi
    say ""
    each_plan show_reading
    if runs kafka; then
        say "" "Not yet applied, by topic (as the members told Kafka):"
        compose exec -T kafka /opt/kafka/bin/kafka-consumer-groups.sh --bootstrap-server kafka:29092 \
            --describe --all-groups 2>/dev/null </dev/null | lag_by_topic
    fi
    ! runs olap || show_left_out
    [ -z "$DOWN" ] ||
        say "" "Down: ${DOWN#, }. Docker restarts containers that crashed, but not those that were stopped or killed; bin/startup.sh does."
    [ -z "$TROUBLE" ] || say "" "Not working: ${TROUBLE#, }."
    [ -z "$DOWN$TROUBLE" ]
}
