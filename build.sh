#!/usr/bin/env bash
# The only door to the project. `./build.sh help` says what it opens.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

# Debian keeps what an administrator needs where a user's PATH does not look.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

readonly VENV=.venv
readonly LOGS=build/log
# What each job needs from Debian. `desk` is enough for dev, check and the fast tests.
readonly APT_DESK="ca-certificates chrony gcc git iproute2 libc6-dev mosquitto nut-server python3 python3-dev python3-venv zlib1g-dev"
readonly APT_CHECK="shellcheck"
readonly APT_BROWSER="chromium chromium-driver fonts-dejavu-core"
readonly APT_BENCH="libfftw3-dev"
readonly APT_IMAGE="debian-archive-keyring mmdebstrap ovmf qemu-system-x86 qemu-utils util-linux xz-utils zstd"

help() {
    cat <<'TEXT'
Flexcore: one flashable appliance for every medium-voltage station.

  ./build.sh run [--seconds N] [--station FILE] [--replay FILE.cfg --map FILE.toml]
                            build the image if needed, boot it, simulate the station, open the page
  ./build.sh dev [same]     the same services straight on this machine, without image
  ./build.sh test [fast|image] [pytest arguments]
                            all tests; `fast` leaves the image and emulator out, `image` is only those
  ./build.sh check          ruff, mypy, import contracts, shellcheck
  ./build.sh image [--dist] build the image (build/image/flexcore.raw); --dist: also compressed, in dist/
  ./build.sh bench [acquire|dsp|image|path] [--assert]
                            measure; tables here, JSON in dist/bench/
  ./build.sh fuzz [TARGET...] [--inputs N]
                            hostile bytes into every decoder; findings in dist/fuzz/
  ./build.sh setup          only install what the other jobs need
  ./build.sh clean          remove everything that was built (build/, dist/, .venv/)
  ./build.sh help           this text

It runs on Debian 12 and 13 (amd64) and installs what is missing, as root or through sudo.
Emulation is by QEMU; KVM is used only where a probe boot proves that it works.
TEXT
}

say() { printf '%s\n' "$*" >&2; }

die() {
    say "build.sh: $1"
    [ -z "${2:-}" ] || say "  hint: $2"
    exit 2
}

# step NAME COMMAND...: runs it with its output in a log; shows the name and the elapsed time.
step() {
    local name=$1 log began status=0
    shift
    mkdir -p "$LOGS"
    log=$LOGS/$(printf '%s' "$name" | tr -c '[:alnum:]\n' '-').log
    began=$SECONDS
    printf '  %-52s' "$name" >&2
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        say "FAILED after $((SECONDS - began)) s; the end of $log:"
        tail -n 40 "$log" >&2
        exit 1
    fi
    printf '%4d s\n' "$((SECONDS - began))" >&2
}

missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# need_root WHAT HINT: go on only where as_root will work; a person at a terminal may type a password.
need_root() {
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null || die "$1 needs root, and there is no sudo" "$2"
    if [ -t 0 ]; then sudo -v; else sudo -n true 2>/dev/null; fi || die "$1 needs root, and sudo refuses" "$2"
}

# On a developer's machine no daemon of ours is wanted: while we install, none may be started.
apt_install() {
    local policy=/usr/sbin/policy-rc.d status=0
    as_root apt-get update -q
    if [ -e "$policy" ]; then
        policy=
    else
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 0755 "$policy"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" || status=$?
    [ -z "$policy" ] || as_root rm -f "$policy"
    return "$status"
}

need_system() {
    local id version
    # shellcheck source=/dev/null
    id=$(. /etc/os-release 2>/dev/null && printf '%s' "${ID:-unknown}") || id=unknown
    # shellcheck source=/dev/null
    version=$(. /etc/os-release 2>/dev/null && printf '%s' "${VERSION_ID:-}") || version=
    local machine
    machine=$(dpkg --print-architecture 2>/dev/null || uname -m)
    case "$id-$version-$machine" in debian-12-amd64 | debian-13-amd64) return ;; esac
    die "this is $id ${version:-?} on $machine, expected Debian 12 or 13 (amd64)" \
        "elsewhere use a Debian 13 virtual machine; needed packages: $APT_DESK $APT_CHECK $APT_BROWSER $APT_IMAGE"
}

need_packages() {
    local lacking
    need_system
    lacking=$(missing_packages "$@")
    [ -z "$lacking" ] && return
    need_root "installing what is missing ($lacking)" "as root: apt-get install --no-install-recommends $lacking"
    # shellcheck disable=SC2086  # a list of words
    step "install Debian packages ($(wc -w <<<"$lacking"))" apt_install $lacking
}

# up_to_date STAMP CONTENT: true if the stamp file holds just that.
up_to_date() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

make_venv() {
    rm -rf "$VENV"
    /usr/bin/python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements/desk.txt
    # For tests; apart, because its stubs would hide CPython's own from the type checker.
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps --target "$VENV/micropython" \
        -r requirements/micropython.txt
}

build_kernels() {
    # A bare environment for the compiler's caches; the extensions land beside their sources.
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
    "$VENV/bin/pybabel" compile -d webui/flexcore_webui/translations
}

need_desk() {
    # shellcheck disable=SC2086
    need_packages $APT_DESK
    local want
    want="$(/usr/bin/python3 --version) $(cat requirements/desk.txt requirements/micropython.txt | sha256sum)"
    if ! up_to_date "$VENV/flexcore-stamp" "$want"; then
        step "Python environment, pinned and hashed" make_venv
        printf '%s' "$want" >"$VENV/flexcore-stamp"
    fi
    want=$(find pyproject.toml core webui ota -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.po' -o -name pyproject.toml |
        LC_ALL=C sort | xargs sha256sum | sha256sum)
    if ! up_to_date "$VENV/flexcore-kernels" "$want" || ! compgen -G 'core/flexcore/dsp/_kernels*.so' >/dev/null; then
        step "Cython kernels and translations" build_kernels
        printf '%s' "$want" >"$VENV/flexcore-kernels"
    fi
}

need_image() {
    # shellcheck disable=SC2086
    need_packages $APT_IMAGE
    need_root "building the image (mounts and package installation in a build root)" "run it as root, or with sudo"
    mkdir -p "$LOGS" dist
    image/build "$@"
}

desk() { PYTHONPATH=image exec "$VENV/bin/python" -m flexcore.desk "$@"; }

check() {
    need_desk
    # shellcheck disable=SC2086
    need_packages $APT_CHECK
    step "ruff: rules" "$VENV/bin/ruff" check .
    step "ruff: format" "$VENV/bin/ruff" format --check .
    step "mypy --strict" "$VENV/bin/mypy" core/flexcore webui/flexcore_webui ota/flexcore_ota image/flexcore_vm
    step "import contracts" "$VENV/bin/lint-imports"
    step "shellcheck" bash -o pipefail -c 'git ls-files -z | xargs -0 -r grep -lZE "^#!.*\b(ba|da)?sh\b" -- | xargs -0 -r shellcheck'
}

run_tests() {
    local what=${1:-all}
    case "$what" in
    all | fast | image) shift || true ;;
    *) what=all ;;
    esac
    need_desk
    # shellcheck disable=SC2086
    need_packages $APT_CHECK $APT_BROWSER
    [ "$what" = image ] || check
    # Most tests wait more than they compute: two at a time. A box is only measured alone.
    local parallel=(-n 2 --dist loadgroup) failed=0
    [ "$what" = image ] || pytest_run "${parallel[@]}" -m "not image" "$@" || failed=1
    if [ "$what" != fast ]; then
        need_image
        pytest_run -m image "$@" || failed=1
    fi
    return "$failed"
}

# Exit code 5 is "no test was chosen", as happens when a person asks for one by name.
pytest_run() {
    local status=0
    # As on the box: threads of the linear algebra would only spin.
    export OPENBLAS_NUM_THREADS=1
    "$VENV/bin/python" -m pytest "$@" || status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq 5 ]
}

bench() {
    local what=${1:-all}
    shift || true
    need_desk
    case "$what" in
    image)
        need_image
        PYTHONPATH=image "$VENV/bin/python" image/bench "$@"
        ;;
    acquire | path) desk bench "$what" "$@" ;;
    dsp)
        # shellcheck disable=SC2086
        need_packages $APT_BENCH
        desk bench dsp "$@"
        ;;
    all)
        "$0" bench dsp "$@"
        "$0" bench acquire "$@"
        "$0" bench path "$@"
        "$0" bench image "$@"
        ;;
    *) die "bench $what: expected acquire, dsp, image or path" ;;
    esac
}

main() {
    local job=${1:-help}
    shift || true
    case "$job" in
    help | -h | --help) help ;;
    run)
        need_desk
        case " $* " in *" -h "* | *" --help "*) desk run "$@" ;; esac
        "$VENV/bin/python" -m flexcore.desk check-arguments "$@"
        need_image
        desk run "$@"
        ;;
    dev)
        need_desk
        desk dev "$@"
        ;;
    test) run_tests "$@" ;;
    check) check ;;
    image) need_image "$@" ;;
    bench) bench "$@" ;;
    setup)
        need_desk
        # shellcheck disable=SC2086
        need_packages $APT_CHECK $APT_BROWSER $APT_IMAGE
        ;;
    fuzz)
        need_desk
        OPENBLAS_NUM_THREADS=1 PYTHONPATH=core "$VENV/bin/python" -m flexcore.desk.fuzz "$@"
        ;;
    clean)
        [ ! -e build ] || need_root "removing the build root" "sudo ./build.sh clean"
        as_root rm -rf build dist
        rm -rf "$VENV"
        ;;
    *) die "unknown job '$job'" "./build.sh help" ;;
    esac
}

main "$@"
