# shellcheck shell=bash
# Docker or native: which of them works here, which one this stack was started with, and what to say when neither does.
# bash 3.2 and POSIX tools only, as docker.sh.

docker_images() {
    echo "apache/kafka:$KAFKA_VERSION"
    echo "postgres:$POSTGRES_VERSION"
    echo "quay.io/debezium/connect:$DEBEZIUM_VERSION"
    echo "debian:bookworm-slim"
}

# Sets WHY_NOT to why Docker can't be used, half a sentence, and CURE to what to do about it; status 0 if it can.
docker_works() {
    local out
    WHY_NOT='' CURE=''
    if ! command -v docker >/dev/null 2>&1; then
        WHY_NOT="there is no docker command"
        CURE="install Docker with its compose plugin and start it (https://docs.docker.com/get-docker/)"
    elif ! out=$(docker info 2>&1 >/dev/null </dev/null); then
        case $out in
            *'permission denied'*)
                WHY_NOT="you have no permission to use the Docker daemon"
                CURE="sudo usermod -aG docker $(id -un), then log out and in again" ;;
            *)
                WHY_NOT="Docker does not run: its daemon does not answer"
                if [ "$(uname)" = Darwin ]; then CURE="open -a Docker, and wait until it is running"
                else CURE="sudo systemctl start docker, or start Docker Desktop"; fi ;;
        esac
    elif ! docker compose version >/dev/null 2>&1; then
        WHY_NOT="docker has no compose plugin (docker compose version fails)"
        CURE="install Docker's compose plugin (https://docs.docker.com/compose/install/)"
    fi
    [ -z "$WHY_NOT" ]
}
# The same for the images; those that are missing are pulled.
docker_images_work() {
    local out image
    for image in $(docker_images); do
        docker image inspect "$image" >/dev/null 2>&1 && continue
        step "Pulling the image $image"
        out=$(docker pull -q "$image" 2>&1 </dev/null) || {
            say FAILED
            # shellcheck disable=SC2034  # of common.sh
            STEP=''
            WHY_NOT="the image $image can't be pulled: $(printf '%s\n' "$out" | tail -n 1 | cut -c1-160)"
            CURE="docker pull $image shows the same; when that works"
            return 1
        }
        step_done
    done
}

is_debian() { [ "$(uname)" = Linux ] && [ -e /etc/debian_version ] && command -v dpkg-query >/dev/null 2>&1; }

docker_needed() { # sentence-that-ends-with-the-reason...
    say "$@" "" "What to do:" "    $CURE" "    then run this again" >&2
    exit 1
}

# Sets MODE to native or docker: what was started first stays, --native and --docker force, else Docker where it works.
choose_mode() { # wanted (native, docker or empty)
    local wanted=$1 kept=''
    if [ -s "$RUN_DIR/mode" ]; then read -r kept <"$RUN_DIR/mode"; fi
    if [ -n "$kept" ]; then
        if [ -n "$wanted" ] && [ "$wanted" != "$kept" ]; then
            say "This stack was started in $kept mode, and has data." \
                "To change to $wanted mode: bin/shutdown.sh --wipe (removes that data), then start again." >&2
            exit 2
        fi
        MODE=$kept
    elif [ "$wanted" = native ]; then
        MODE=native
    elif docker_works && docker_images_work; then
        MODE=docker
    elif [ "$wanted" = docker ]; then
        docker_needed "Docker mode was asked for, but $WHY_NOT."
    elif is_debian; then
        say "Docker is not used: $WHY_NOT. Native mode."
        MODE=native
    else
        docker_needed "Docker is needed here, but $WHY_NOT." \
            "(Native mode, the alternative, runs only on Debian; this is $(uname).)"
    fi
    if [ "$MODE" = native ] && ! is_debian; then
        say "Native mode needs Debian (apt packages, /proc); this is $(uname)." \
            "Docker mode works on any Linux and on a Mac: omit --native." >&2
        exit 1
    fi
    load_mode
}
# For scripts that only look: the remembered mode, or Docker if somebody typed `docker compose up` here, or none.
remembered_mode() {
    MODE=''
    if [ -s "$RUN_DIR/mode" ]; then
        read -r MODE <"$RUN_DIR/mode"
    elif [ -z "${SYNC_RUN_DIR:-}" ] && [ "$(docker_project_folder "$COMPOSE_PROJECT_NAME")" = "$ROOT" ]; then
        MODE=docker
    fi
    [ -n "$MODE" ] || return 1
    load_mode
}
# The folder that a Docker project's containers were made from; nothing if there is none, or no Docker.
docker_project_folder() { # project
    local folder
    command -v docker >/dev/null 2>&1 || return 0
    folder=$(docker ps -a --filter "label=com.docker.compose.project=$1" \
        --format '{{.Label "com.docker.compose.project.working_dir"}}' 2>/dev/null </dev/null | sed -n 1p)
    [ -z "$folder" ] || (cd "$folder" 2>/dev/null && pwd -P) || printf '%s\n' "$folder"
}
remember_mode() {
    make_folders "$RUN_DIR" "$LOG_DIR" "$STATE_DIR"
    echo "$MODE" >"$RUN_DIR/mode"
    [ "$MODE" != docker ] || echo "$COMPOSE_PROJECT_NAME" >"$RUN_DIR/project"
    keep_settings
}
load_mode() {
    if [ "$MODE" = docker ]; then
        # shellcheck source=bin/stack/docker.sh
        . "$ROOT/bin/stack/docker.sh"
    else
        # shellcheck source=bin/stack/native.sh
        . "$ROOT/bin/stack/native.sh"
    fi
}
