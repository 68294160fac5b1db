# shellcheck shell=bash
# Native mode: what has to be installed, from Debian and as jars from Maven, and the build of the consumer.

# Where the server is there in some version, it is used; no second one is installed.
# shellcheck disable=SC2034  # for native.sh
PACKAGES_TO_RUN=(
    ca-certificates curl
    "postgresql-$POSTGRES_VERSION"
    default-jre-headless maven
    gcc libc6-dev cmake ninja-build pkg-config
    librdkafka-dev libjansson-dev liblmdb-dev libpq-dev libpg-query-dev libmicrohttpd-dev
)
# shellcheck disable=SC2034  # for bin/test.sh
PACKAGES_TO_TEST=(
    libcmocka-dev clang libclang-rt-dev clang-tidy clang-format shellcheck python3 python3-psycopg2 docker-compose
    pgbouncer
)

installed() { # package; or something else that does its work
    case $1 in
        postgresql-*) pg_bin >/dev/null && return 0 ;;
        default-jre-headless) java_is_new_enough && return 0 ;;
        libclang-rt-dev) libclang_rt_is_there; return ;;
        maven) command -v mvn >/dev/null 2>&1 || jars_are_there; return ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}
libclang_rt_is_there() { # the package of any version
    local fuzzer
    for fuzzer in "$(clang -print-resource-dir 2>/dev/null)"/lib/*/libclang_rt.fuzzer*; do [ ! -e "$fuzzer" ] || return 0; done
    return 1
}
java_is_new_enough() {
    local major
    major=$(java -version 2>&1 | sed -n '1s/.*version "\([0-9]*\).*/\1/p')
    [ -n "$major" ] && [ "$major" -ge 17 ]
}

install_packages() { # package...
    local package missing=() answer
    for package in "$@"; do installed "$package" || missing+=("$package"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "These Debian packages are missing:" "    ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            tell_root_what_to_type "${missing[@]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    if [ -t 0 ] && [ -t 1 ] && [ -z "${ASSUME_YES:-}" ]; then
        read -r -p "Install them with apt now? [Y/n] " answer
        case $answer in ''|[Yy]*) ;; *) say "Nothing was installed."; exit 1 ;; esac
    fi
    run_apt "${missing[@]}"
}

tell_root_what_to_type() { # package...
    say "Installing them needs root, and there is no sudo here. As root:"
    case " $* " in *' postgresql-'*) # no cluster of the system's, see below
        say "    mkdir -p /etc/postgresql-common/createcluster.d" \
            "    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/oltp-olap-sync.conf" ;;
    esac
    say "    apt-get update && apt-get install --no-install-recommends $*" "then run this again."
}

# Debian's server package makes and starts a cluster of its own, on port 5432, unless told not to beforehand. Ours are
# made with initdb in a folder of the project; the system's clusters are never touched.
run_apt() { # package...
    local dir=/etc/postgresql-common/createcluster.d log=$LOG_DIR/apt.log before after
    local conf=$dir/oltp-olap-sync.conf
    mkdir -p "$LOG_DIR"
    before=$(system_clusters)
    "${as_root[@]}" mkdir -p "$dir"
    echo 'create_main_cluster = false' | "${as_root[@]}" tee "$conf" >/dev/null
    step "apt-get update"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >"$log" 2>&1 </dev/null || apt_failed "$conf" "$log"
    step_done
    step "apt-get install"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
        >>"$log" 2>&1 </dev/null || apt_failed "$conf" "$log"
    "${as_root[@]}" rm -f "$conf"
    step_done
    after=$(system_clusters)
    [ "$before" = "$after" ] ||
        step_failed "Installing PostgreSQL created a system cluster: $after (before: ${before:-none})." "$log" \
            "see pg_lsclusters; pg_dropcluster removes one"
}
apt_failed() { # conf log
    "${as_root[@]}" rm -f "$1"
    step_failed "apt-get failed." "$2" "fix the cause, then run this again"
}
system_clusters() {
    local conf all=''
    for conf in /etc/postgresql/*/*/postgresql.conf; do [ ! -e "$conf" ] || all="$all ${conf%/postgresql.conf}"; done
    echo "${all# }"
}

require_java() {
    java_is_new_enough ||
        step_failed "Java 17 or later is needed; this is: $(java -version 2>&1 | head -n 1)" '' \
            "apt-get install openjdk-17-jre-headless, or put a newer java first in PATH"
}

# ---- jars ----------------------------------------------------------------------------------------------------------

# One folder with all jars, named complete by a file that tells the versions; fetched beside its place, then moved.
jar_versions() { echo "kafka $KAFKA_VERSION debezium $DEBEZIUM_VERSION $(cksum <"$ROOT/bin/stack/pom.xml")"; }
jars_are_there() { [ "$(cat "$JARS/complete" 2>/dev/null)" = "$(jar_versions)" ]; }
fetch_jars() {
    local log=$LOG_DIR/maven.log new=$JARS.new
    jars_are_there && return 0
    mkdir -p "$LOG_DIR"
    rm -rf "$new"
    step "Kafka $KAFKA_VERSION and Debezium $DEBEZIUM_VERSION (Maven)"
    mvn -B -q -f "$ROOT/bin/stack/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$new" >"$log" 2>&1 </dev/null ||
        step_failed "Maven could not fetch the jars." "$log" "check the network, then run this again"
    jar_versions >"$new/complete"
    rm -rf "$JARS"
    mv "$new" "$JARS"
    step_done "$(find "$JARS" -name '*.jar' | wc -l) jars"
}

# ---- build ---------------------------------------------------------------------------------------------------------

build_consumer() {
    local log=$LOG_DIR/build.log
    [ "$CONSUMER_BIN" = "$ROOT/build/release/oltp-olap-sync" ] || return 0
    mkdir -p "$LOG_DIR"
    step "Building the consumer"
    # Another compiler's new warnings are for bin/test.sh, not for someone who wants to see it run.
    (cd "$ROOT" && { [ -s build/release/build.ninja ] || cmake --preset release -DWERROR=OFF; } &&
        cmake --build --preset release --target oltp-olap-sync) \
        >"$log" 2>&1 </dev/null ||
        step_failed "The consumer does not build." "$log" "read $log"
    step_done
}
