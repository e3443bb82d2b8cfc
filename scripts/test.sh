#!/bin/bash
# Installs what the tests need (Debian, Python and npm packages) and runs all tests. Can be run
# again at any time: what is there is not installed twice. Needs Rust, and root or sudo when a
# Debian package is missing.
#
#   scripts/test.sh             everything; the last line is `N passed, N failed`
#   scripts/test.sh --install   only install
#
# Exit code: 0 all passed, 1 something failed or was skipped, 2 wrong usage.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
environment=$target/test-env
venv=$environment/venv
console=crates/holdline/tests/console

fail() {
    echo "scripts/test.sh: $*" >&2
    exit 1
}

step() {
    echo
    echo "=== $*"
}

have() {
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]
}

# A python3 whose venv can install packages; Debian splits that off.
have_python() {
    have python3 && python3 -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))' \
        >/dev/null 2>&1
}

# Debian keeps the programs of a server out of PATH.
have_postgres() {
    have initdb && have postgres && have psql && have pg_basebackup && return
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

missing_packages() {
    have cc || echo "gcc libc6-dev"
    have git || echo "git"
    have_python || echo "python3 python3-venv"
    have node || echo "nodejs"
    have npm || echo "npm"
    have postfix || echo "postfix"
    have_postgres || echo "postgresql"
    have pgbouncer || echo "pgbouncer"
    [ -n "${HOLDLINE_CHROMIUM:-}" ] || have chromium || echo "chromium"
    [ -e /etc/ssl/certs/ca-certificates.crt ] || echo "ca-certificates"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "Debian packages are missing and this is neither root nor sudo; install: $missing"
    fi
}

install_debian() {
    missing=$(missing_packages | tr '\n' ' ')
    if [ -z "${missing// /}" ]; then
        echo "nothing missing"
        return
    fi
    have apt-get || fail "this machine has no apt-get; install by hand: $missing"
    # Postfix asks what to configure; the tests run an instance of their own, so: nothing.
    if [[ $missing == *postfix* ]]; then
        echo "postfix postfix/main_mailer_type select No configuration" |
            as_root debconf-set-selections
    fi
    # The tests run servers of their own: none is to be made at installation.
    if [[ $missing == *postgresql* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        as_root mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" |
            as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    as_root apt-get update -q
    # shellcheck disable=SC2086 # one word per package
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold $missing
}

# Runs a command unless it has already run for the present content of a file.
once_for() {
    local input=$1 marker="$environment/$2"
    shift 2
    if cmp -s "$input" "$marker"; then
        echo "up to date"
        return
    fi
    "$@"
    cp "$input" "$marker"
}

install_python() {
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        -r clients/python/requirements.txt
}

install_node() {
    npm ci --prefix "$1" --no-audit --no-fund --loglevel=error
}

node_is_new_enough() {
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)'
}

# Runs a suite and keeps what it prints, for the count at the end.
suite() {
    local name=$1 status=0
    shift
    step "$name"
    "$@" 2>&1 | tee "$(log_of "$name")" || status=$?
    [ "$status" = 0 ] || echo "scripts/test.sh: $name ended with code $status" >&2
    printf '%s\n' "$status" >>"$(log_of "$name")"
}

log_of() {
    echo "$environment/${1// /-}.log"
}

# "PASSED FAILED" of a suite, from the lines by which cargo test, cargo nextest and the client
# suites end. What was ignored or skipped proves nothing and counts as failed, as does a suite that
# ran nothing or ended badly for another reason.
count() {
    awk '
        /^test result: |^ *Summary \[|^[0-9]+ passed, [0-9]+ failed$/ {
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) passed += $(i - 1)
                if ($i ~ /^(failed|ignored|skipped|timed)/) failed += $(i - 1)
            }
        }
        { status = $0 }
        END {
            if (!failed && (status != 0 || !passed)) failed = 1
            print passed + 0, failed + 0
        }' "$(log_of "$1")"
}

# The demo judges itself: it ends with 0 only if nothing was lost or doubled.
demo() {
    "$target/debug/holdline" --json demo --duration 15 && echo "1 passed, 0 failed"
}

case "${1:-}" in
    "" | --install) ;;
    *)
        echo "scripts/test.sh: unknown argument $1; the only one is --install" >&2
        exit 2
        ;;
esac

step "Debian packages"
install_debian
have cargo || fail "Rust is missing; install it with rustup, then run this again"
have_python || fail "python3 is older than 3.10 or has no venv"
node_is_new_enough || fail "node is older than 18"
mkdir -p "$environment"

step "Python packages"
[ -x "$venv/bin/python" ] || rm -f "$environment/requirements.txt"
once_for clients/python/requirements.txt requirements.txt install_python

step "npm packages"
[ -d clients/node/node_modules/whatsapp ] || rm -f "$environment/package-lock.json"
once_for clients/node/package-lock.json package-lock.json install_node clients/node
[ -d "$console/node_modules/playwright-core" ] || rm -f "$environment/console-lock.json"
once_for "$console/package-lock.json" console-lock.json install_node "$console"

[ "${1:-}" = --install ] && exit 0

suites=("cargo xtask ci" "demo" "client libraries" "console")
suite "cargo xtask ci" cargo xtask ci

# The binary as the tests have built it: a build of its package alone would differ in features.
step "binary"
cargo test --workspace --locked --no-run --quiet || fail "the tests do not compile"
suite "demo" demo
suite "client libraries" clients/run.sh
suite "console" env HOLDLINE_BIN="$target/debug/holdline" node "$console/run.mjs"

step "result"
passed=0 failed=0
for name in "${suites[@]}"; do
    read -r suite_passed suite_failed < <(count "$name")
    printf '%-18s %5d passed, %d failed\n' "$name" "$suite_passed" "$suite_failed"
    passed=$((passed + suite_passed)) failed=$((failed + suite_failed))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
