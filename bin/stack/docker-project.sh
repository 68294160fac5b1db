# shellcheck shell=bash
# Docker mode: whose containers and volumes these are, and what is told to docker compose.
# bash 3.2 and POSIX tools only, as docker.sh.

require_docker() { docker_works || docker_needed "This stack is in Docker mode, but $WHY_NOT."; }

# A project's name is what containers and volumes are found by: two stacks under one name would take each other's
# databases for their own, and remove them. So each folder has one, chosen at its first start and kept in
# $RUN_DIR/project: that of .env where nothing else uses it, else that with a number made of the folder.
project_name() { # prints it
    local base=$COMPOSE_PROJECT_NAME
    if [ -s "$RUN_DIR/project" ]; then
        base=$(sed -n 1p "$RUN_DIR/project")
        [ -z "$PROJECT_GIVEN" ] || [ "$PROJECT_GIVEN" = "$base" ] ||
            say "COMPOSE_PROJECT_NAME=$PROJECT_GIVEN is not used: this stack is the project $base ($(short_path "$RUN_DIR/project"))" \
                "until ${COMMAND_PREFIX}bin/shutdown.sh --wipe. A stack of that name beside it: another SYNC_RUN_DIR and other ports." >&2
        echo "$base"
    elif [ -n "$PROJECT_GIVEN" ]; then
        echo "$PROJECT_GIVEN"
    elif [ -s "$RUN_DIR/mode" ] && { [ "$RUN_DIR" = "$ROOT/run" ] || ! grep -q docker "$ROOT/run/mode" 2>/dev/null; }; then
        echo "$base" # started by a version that had this name only
    elif [ "$RUN_DIR" != "$ROOT/run" ]; then
        echo "$base-$(folder_number "$RUN_DIR")"
    else
        case $(docker_project_folder "$base") in
            "$ROOT") echo "$base" ;;
            '') if project_has_volumes "$base"; then echo "$base-$(folder_number "$ROOT")"; else echo "$base"; fi ;;
            *) echo "$base-$(folder_number "$ROOT")" ;;
        esac
    fi
}
folder_number() { printf '%s' "$1" | cksum | cut -d' ' -f1; }
project_has_volumes() { [ -n "$(docker volume ls -q --filter "label=com.docker.compose.project=$1" 2>/dev/null)" ]; }

COMPOSE_PROJECT_NAME=$(project_name)
export COMPOSE_PROJECT_NAME

compose() {
    local more=()
    [ ! -e "$RUN_DIR/docker-settings.yml" ] || more=(-f "$RUN_DIR/docker-settings.yml")
    docker compose --project-directory "$ROOT" -f "$ROOT/docker-compose.yml" ${more[@]+"${more[@]}"} "$@"
}

# The program's own settings from the environment (SYNC_...) reach the containers by a second Compose file: a name
# without a value means that of the caller's environment. Those of this stack's addresses stay as they are.
write_docker_settings() {
    local names name
    names=$(env | sed -n 's/^\(SYNC_[A-Z0-9_]*\)=.*/\1/p' | grep -v -x \
        -e 'SYNC_RUN_DIR' -e 'SYNC_LOG_DIR' -e 'SYNC_STATE_DIR' -e 'SYNC_MEMBER' -e 'SYNC_SERVE_.*' \
        -e 'SYNC_KAFKA_BOOTSTRAP_SERVERS' -e 'SYNC_OLAP_\(HOST\|PORT\|USER\|PASSWORD\|DBNAME\)' \
        -e 'SYNC_CONNECTOR_DATABASE_\(HOSTNAME\|PORT\)' | LC_ALL=C sort) || true
    rm -f "$RUN_DIR/docker-settings.yml"
    [ -n "$names" ] || [ "$(plan_count)" -gt 1 ] || return 0
    {
        say "# Made by bin/startup.sh: the SYNC_ variables of its environment, for the containers, and the plans' members." "services:"
        if [ -n "$names" ]; then
            say "  init:" "    environment:"
            for name in $names; do say "      $name:"; done
        fi
        each_plan write_plan_service "$names"
    } >"$RUN_DIR/docker-settings.yml"
}
# Of a plan beside the first, members like the first one's.
write_plan_service() { # names-of-variables
    local name
    say "  $MEMBER:"
    [ "$MEMBER" = consumer ] || say "    extends:" "      file: $(yaml_text "$ROOT/docker-compose.yml")" "      service: consumer"
    [ -n "$1$PLAN_CHOSEN" ] || return 0
    say "    environment:"
    for name in $1; do
        [ "$name" = SYNC_SCHEMAS_PLAN ] || say "      $name:"
    done
    [ -z "$PLAN_CHOSEN" ] || say "      SYNC_SCHEMAS_PLAN: $(yaml_text "$PLAN_CHOSEN")"
}
yaml_text() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g; s/\\$/\\$\\$/g")"; } # Compose reads $ itself

# The SQL files are in the image, and that has those of schemas/ only.
check_schemas() {
    check_schemas_of SYNC_SCHEMAS_OLTP
    check_schemas_of SYNC_SCHEMAS_VIEW
    write_docker_settings
}
check_schemas_of() { # variable with a list of files and folders
    local list=${!1:-} file all=''
    [ -n "$list" ] || return 0
    list=$list, # so that each name ends with one
    while [ -n "$list" ]; do
        file=$(printf '%s' "${list%%,*}" | sed 's/^ *//; s/ *$//')
        list=${list#*,}
        file=${file#"$ROOT"/}
        case $file in
            *..*|/*) ;;
            schemas|schemas/*) [ ! -r "$ROOT/$file" ] || { all=$all,$file; continue; } ;;
        esac
        say "$1=${!1}: in Docker mode the SQL files must be in the folder schemas/ of the project," \
            "since they become part of the image." "" "What to do:" "    copy the file to $ROOT/schemas/, then $1=schemas/$(basename "$file") bin/startup.sh" >&2
        exit 2
    done
    eval "export $1=\${all#,}"
}
