#!/usr/bin/env bash
# Makes what the Docker road needs, where the real images can't be pulled: see ../README.md. As root, on Debian 12.
#
#   tests/docker/standins/make.sh [--prefix NAME/]
#
# A daemon, if none answers (Debian's docker.io, data under build/docker); Compose v2, if there is none (from its Go module);
# images under the names of docker-compose.yml that are not there yet. --prefix: other names, to try the images beside
# those that are there.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd -P)
ROOT=$(cd "$HERE/../../.." && pwd -P)
WORK=$ROOT/build/docker
COMPOSE=github.com/docker/compose/v2 COMPOSE_VERSION=v2.40.3
prefix=''
[ "${1:-}" != --prefix ] || prefix=$2
mkdir -p "$WORK"

setting() { sed -n "s/^$1=//p" "$ROOT/.env"; }
KAFKA_VERSION=$(setting KAFKA_VERSION) DEBEZIUM_VERSION=$(setting DEBEZIUM_VERSION) POSTGRES_VERSION=$(setting POSTGRES_VERSION)
export KAFKA_VERSION DEBEZIUM_VERSION # for pom.xml

need() { # program package...
    local program=$1
    shift
    command -v "$program" >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}
daemon() {
    docker info >/dev/null 2>&1 && return 0
    need dockerd docker.io iptables
    bash "$HERE/daemon.sh" start
}
compose_plugin() {
    local plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
    docker compose version >/dev/null 2>&1 && return 0
    command -v go >/dev/null || { echo "Compose v2 is missing, and Go 1.24 or later to build it" >&2; exit 1; }
    mkdir -p "$WORK/compose" "$plugins"
    (
        cd "$WORK/compose"
        [ -e go.mod ] || go mod init composeplugin
        go get "$COMPOSE/cmd@$COMPOSE_VERSION"
        go build -ldflags "-s -w -X $COMPOSE/internal.Version=$COMPOSE_VERSION" -o "$plugins/docker-compose" "$COMPOSE/cmd"
    )
    docker compose version
}

# ---- images ----------------------------------------------------------------------------------------------------------

there() { docker image inspect "$prefix$1" >/dev/null 2>&1; } # image
# The real one first.
pull() { [ -z "$prefix" ] && docker pull -q "$1" >/dev/null 2>&1; } # image
# With the host's network: package mirrors are reached as from this machine. The classic builder needs no plugin.
build() { # image folder-with-the-context [docker-options...]
    local image=$1 folder=$2
    shift 2
    DOCKER_BUILDKIT=0 docker build -q --network host --build-arg "BASE=${prefix}debian:bookworm-slim" \
        --build-arg "JVM=standin-jvm" "$@" -t "$image" "$folder"
}
debian_image() {
    local tree=$WORK/bookworm
    need debootstrap debootstrap
    rm -rf "$tree"
    debootstrap --variant=minbase bookworm "$tree" >"$WORK/debootstrap.log"
    cp -r /etc/apt/sources.list.d/. "$tree/etc/apt/sources.list.d/" 2>/dev/null || true
    [ ! -e "$tree/etc/apt/sources.list.d/debian.sources" ] || : >"$tree/etc/apt/sources.list"
    rm -rf "$tree"/usr/share/{doc,man,info,locale}/* "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*.bin
    tar -C "$tree" -c . | docker import -c 'CMD ["bash"]' - "${prefix}debian:bookworm-slim"
    rm -rf "$tree"
}
jvm_image() { build standin-jvm "$HERE/jvm"; }
jars() { # destination; the native stack's own
    mvn -B -q -f "$ROOT/bin/stack/pom.xml" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$1" "${@:2}"
}
kafka_image() {
    local folder=$WORK/kafka
    need mvn maven
    rm -rf "$folder" && cp -r "$HERE/kafka" "$folder" && cp "$HERE/properties.sh" "$folder/"
    jars "$folder/libs" -DexcludeGroupIds=io.debezium
    jvm_image
    build "${prefix}apache/kafka:$KAFKA_VERSION" "$folder"
}
connect_image() {
    local folder=$WORK/connect
    need mvn maven
    rm -rf "$folder" && cp -r "$HERE/connect" "$folder" && cp "$HERE/properties.sh" "$folder/"
    jars "$folder/libs" -DexcludeGroupIds=io.debezium
    # The archive that the real image unpacks, for a class loader of its own.
    mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy "-DoutputDirectory=$folder" \
        "-Dartifact=io.debezium:debezium-connector-postgres:$DEBEZIUM_VERSION:tar.gz:plugin"
    mkdir "$folder/plugins" && tar -xzf "$folder"/*.tar.gz -C "$folder/plugins" && rm "$folder"/*.tar.gz
    jvm_image
    build "${prefix}quay.io/debezium/connect:$DEBEZIUM_VERSION" "$folder"
}
make() { # image command
    there "$1" && return 0
    if ! pull "$1"; then
        echo "a stand-in for $1"
        "$2"
    fi
}
postgres_image() { build "${prefix}postgres:$POSTGRES_VERSION" "$HERE/postgres" --build-arg "VERSION=$POSTGRES_VERSION"; }

daemon
compose_plugin
make debian:bookworm-slim debian_image
make "postgres:$POSTGRES_VERSION" postgres_image
make "apache/kafka:$KAFKA_VERSION" kafka_image
make "quay.io/debezium/connect:$DEBEZIUM_VERSION" connect_image
