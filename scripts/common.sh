# What the scripts share; to be sourced. It installs what is missing, makes a private copy of the tree, builds there,
# and puts a copy of the server beside it in which the extension is installed: nothing of the machine's own PostgreSQL
# is touched, and two runs can go side by side. And it builds the container image.
# shellcheck shell=bash disable=SC2034

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly project

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# install_packages PACKAGE...: those that are missing, with apt. Debian's packaging of PostgreSQL would start a
# cluster of its own at once; it is asked not to, for the time of the installation.
install_packages() {
    local missing=() package no_cluster=/etc/postgresql-common/createcluster.d/cbr.conf
    for package; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || fail "these Debian packages are missing, and only root can install them: ${missing[*]}"
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local log
    log=$(mktemp)
    mkdir -p "$(dirname "$no_cluster")"
    echo 'create_main_cluster = false' >"$no_cluster"
    if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        rm -f "$no_cluster"
        tail -20 "$log" >&2
        fail "apt-get could not install them"
    fi
    rm -f "$no_cluster" "$log"
}

# The sanitizers' and the fuzzer's runtime is a package of its own since clang 14.
install_clang_runtime() {
    local version package
    version=$(clang -dumpversion | cut -d. -f1)
    package=libclang-rt-$version-dev
    apt-cache show "$package" >/dev/null 2>&1 || package=libclang-common-$version-dev
    install_packages "$package"
}

# The mirror of Debian that this machine's own apt uses.
debian_mirror() {
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
        sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb (\[[^]]*\] *)?([^ ]+) .*/\2/p' | grep -m1 -E '/debian/?$'
}

build_packages=(g++ make pkg-config libcurl4-openssl-dev libxml2-dev postgresql postgresql-server-dev-all python3
    ca-certificates)

# Sets PG_CONFIG, if it is not set, to that of the newest server that is installed with its headers.
choose_server() {
    local candidate
    if [[ -z ${PG_CONFIG:-} ]]; then
        for candidate in $(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -V); do
            [[ -x $(dirname "$candidate")/postgres && -f $("$candidate" --pgxs) ]] && PG_CONFIG=$candidate
        done
    fi
    [[ -x ${PG_CONFIG:-} ]] || fail "no PostgreSQL server with its headers; PG_CONFIG can name its pg_config"
    export PG_CONFIG
}

# install_extension NAME: another extension for the chosen server, where Debian has it and this is root.
install_extension() {
    local package
    package=postgresql-$("$PG_CONFIG" --version | grep -oE '[0-9]+' | head -1)-$1
    if ((EUID == 0)) && apt-cache show "$package" >/dev/null 2>&1; then install_packages "$package"; fi
}

# copy_project DIRECTORY: makes it, with the files of the project: those that git does not ignore, or all where there
# is no repository.
copy_project() {
    mkdir "$1"
    if [[ -e $project/.git ]]; then
        (cd "$project" && git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
            tar --null --files-from=- --ignore-failed-read -cf - 2>/dev/null) | tar -xf - -C "$1"
    else
        cp -r "$project/." "$1/"
    fi
}

# Sets work (a new directory, for the caller to remove), tree (a copy of the project in it), and as_user (the words
# before a command that is not for root: PostgreSQL refuses to run as root).
make_work_directory() {
    local user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    as_user=()
    work=$(mktemp -d /tmp/cbr.XXXXXX)
    tree=$work/tree
    copy_project "$tree"
    chmod 755 "$work"
    if ((EUID == 0)); then
        chown -R "$user" "$work"
        as_user=(setpriv --reuid="$user" --regid="$(id -gn "$user")" --init-groups env HOME="$work")
    fi
}

# stage_server [MAKE-VARIABLE...]: builds with the Makefile, and sets bindir to that of a copy of the server with the
# extension installed. A server finds its files relative to where its program stands, so the copy is a whole one.
stage_server() {
    local stage=$work/stage directory
    "${as_user[@]}" make -C "$tree" -j"$(nproc)" --no-print-directory "$@" >"$work/make.log" 2>&1 ||
        { grep -E '(error|warning):|\*\*\*' "$work/make.log" >&2; fail "the build failed"; }
    for directory in "$("$PG_CONFIG" --bindir)" "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)"; do
        "${as_user[@]}" mkdir -p "$stage$(dirname "$directory")"
        "${as_user[@]}" cp -rL "$directory" "$stage$(dirname "$directory")/"
    done
    "${as_user[@]}" make -C "$tree" -s install DESTDIR="$stage" "$@" >>"$work/make.log" 2>&1 ||
        { tail -5 "$work/make.log" >&2; fail "the installation failed"; }
    bindir=$stage$("$PG_CONFIG" --bindir)
}

# The image that Dockerfile.postgres makes; the manifests in k8s/ name it.
image=cbr-postgres:1.0

# Sets engine to docker or podman, whichever works, or to what ENGINE says.
choose_engine() {
    for engine in ${ENGINE:-docker podman}; do
        if "$engine" info >/dev/null 2>&1; then return; fi
    done
    fail "no container engine works here (tried ${ENGINE:-docker podman}): install one, or start its service"
}

# build_image: on BASE_IMAGE, the Dockerfile's own default without it; BUILD_OPTIONS are further words for the engine.
build_image() {
    local options
    choose_engine
    read -ra options <<<"${BUILD_OPTIONS:-}"
    [[ -z ${BASE_IMAGE:-} ]] || options+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
    say "building $image with $engine"
    "$engine" build "${options[@]}" -f "$project/Dockerfile.postgres" -t "$image" "$project"
}
