# shellcheck shell=sh
# The Debezium connector, for both modes and for the container `init`: what Kafka Connect says of it, and why it
# failed. POSIX sh and awk; the caller has connect_rest METHOD PATH [FILE].

# From the answer to /connectors/NAME/status: the states of the connector and its tasks, e.g. RUNNING RUNNING.
connector_states() {
    # shellcheck disable=SC2020  # three characters, each to a new line
    tr ',{}' '\n\n\n' | sed -n 's/^ *"state" *: *"\([A-Z_]*\)".*/\1/p' | tr '\n' ' ' | sed 's/ $//'
}

# From the same answer: why it failed, two lines at most: what was thrown last, and what that came from.
connector_reason() {
    LC_ALL=C awk '
        { text = text $0 " " }
        END {
            if (!match(text, /"trace" *: *"([^"\\]|\\.)*"/)) exit
            trace = substr(text, RSTART, RLENGTH)
            sub(/^"trace" *: *"/, "", trace)
            sub(/"$/, "", trace)
            gsub(/\\"/, "\"", trace)
            n = split(trace, line, /(\\r)?\\n/)
            for (i = 1; i <= n; i++) {
                gsub(/\\t/, " ", line[i])
                if (line[i] ~ /^ *at / || line[i] ~ /^ *\.\.\. [0-9]+ more/ || line[i] ~ /^ *$/) continue
                if (first == "") first = line[i]
                if (line[i] ~ /^Caused by: /) cause = line[i]
            }
            print tidy(first)
            if (cause != "") print tidy(cause)
        }
        function tidy(text) {
            # The offset that Debezium puts into the sentence is a page long.
            if (match(text, /PostgresOffsetContext \[.*\]/))
                text = substr(text, 1, RSTART - 1) "its offset" substr(text, RSTART + RLENGTH)
            gsub(/ +/, " ", text)
            return length(text) > 400 ? substr(text, 1, 400) "..." : text
        }'
}

connector_status() { connect_rest GET "/connectors/$CONNECTOR/status" 2>/dev/null || true; }

# Is it the lost slot? What Debezium 3.6 and PostgreSQL 15 say when the slot is gone, was made again, or is invalid.
is_lost_slot() { # reason
    case $1 in
        *'no longer available on the server'*|*'can no longer get changes from replication slot'*) return 0 ;;
        *'replication slot'*'does not exist'*|*'slot has been invalidated'*) return 0 ;;
        *'cannot read from logical replication slot'*) return 0 ;;
    esac
    return 1
}
