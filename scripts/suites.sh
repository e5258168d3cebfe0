# The suites of scripts/test, and how they are counted; to be sourced after scripts/common.sh.
# shellcheck shell=bash disable=SC2154

passed=0 failed=0 skipped=0
lines=() # one for each suite

# count SUITE PASSED FAILED SKIPPED
count() {
    passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
    tell "$1" "$2 passed, $3 failed, $4 skipped"
}

# tell SUITE COUNTS: a line for the end, of which scripts/report makes a table.
tell() { lines+=("$(printf 'PostgreSQL %-6s %-24s %s' "$(server_version)" "$1" "$2")"); }
server_version() {
    local version
    version=$("$PG_CONFIG" --version | awk '{ print $2 }')
    if [[ $("$PG_CONFIG" --configure) == *--enable-cassert* ]]; then version+=+asserts; fi
    echo "$version"
}
number() { grep -oE "[0-9]+ $1" <<<"$2" | tail -1 | grep -oE '^[0-9]+' || echo 0; }

# Prints what was counted, and ends.
finish() {
    printf '\n'
    ((${#lines[@]} == 0)) || printf '%s\n' "${lines[@]}"
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    ((failed == 0))
    exit
}

# logged NAME COMMAND...: runs the command as the unprivileged user, its output in a file that is shown if it fails.
logged() {
    local name=$1 log=$work/$1.log
    shift
    say "$name"
    if ! (cd "$tree" && "${as_user[@]}" "$@") >"$log" 2>&1; then
        tail -60 "$log"
        return 1
    fi
}

# build NAME COMPILER OPTION...: by CMake; counts as one test.
build() {
    local name=$1 compiler=$2
    shift 2
    if logged "configure-$name" cmake -B "$work/$name" -DCMAKE_CXX_COMPILER="$compiler" -DCBR_WERROR=ON \
        -DPG_CONFIG="$PG_CONFIG" "$@" &&
        logged "$name" cmake --build "$work/$name" -j"$(nproc)"; then
        count "build $name" 1 0 0
    else
        count "build $name" 0 1 0
        return 1
    fi
}

run_make() { # MAKE-VARIABLE...
    say "make, with $(g++ --version | head -1), for $("$PG_CONFIG" --version)"
    stage_server WERROR=-Werror "$@"
    count "build make" 1 0 0
    export CBR_BINDIR=$bindir
}

run_ctest() { # NAME OF THE BUILD
    local name=$1-tests line lost ran not_run
    logged "$name" env -C "$work/$1" ctest --output-on-failure -j2 || true
    line=$(grep -E 'tests passed, [0-9]+ tests failed out of' "$work/$name.log" || echo '1 tests failed out of 1')
    echo "$line"
    lost=$(number 'tests failed' "$line")
    ran=$(grep -oE '[0-9]+$' <<<"$line")
    not_run=$(grep -c '\*\*\*Skipped' "$work/$name.log" || true)
    grep -E '\*\*\*Skipped' "$work/$name.log" || true
    count "$name" $((ran - lost - not_run)) "$lost" "$not_run"
}

run_regress() {
    local name=pg_regress lost won
    logged "$name" make installcheck REGRESS_EXTRA="--bindir=$bindir" ||
        { cat "$tree/regression.diffs" 2>/dev/null || true; }
    grep -E '^(test|ok|not ok) ' "$work/$name.log" || true
    lost=$(grep -cE '^(test .*FAILED|not ok )' "$work/$name.log" || true)
    won=$(grep -cE '^(test .* ok |ok )' "$work/$name.log" || true)
    if grep -nE 'terminated by signal|PANIC|TRAP' "$tree/tmp_check/log/postmaster.log" "$tree/log/postmaster.log" 2>/dev/null; then
        echo "the server crashed"
        lost=$((lost + 1))
    fi
    ((won + lost > 0)) || lost=1
    count "$name" "$won" "$lost" 0
}

run_pytest() { # NAME ARGUMENT...
    local name=$1
    shift
    run_counted "$name" python3 -m pytest -q -rfEs -p no:cacheprovider "$@"
}

run_counted() { # NAME COMMAND...: whose last line is pytest's
    local name=$1 line lost file counts
    shift
    logged "$name" "$@" || true
    grep -E '^SKIPPED' "$work/$name.log" || true
    line=$(tail -1 "$work/$name.log")
    echo "$line"
    lost=$(($(number failed "$line") + $(number 'errors?' "$line")))
    [[ $line == *passed* || $lost -gt 0 ]] || lost=1
    count "$name" "$(number passed "$line")" "$lost" "$(number skipped "$line")"
    while IFS=: read -r file counts; do tell "  $file" "${counts# }"; done < <(grep -E '^test_\w+\.py: .* skipped$' "$work/$name.log")
}

# Whole files of tests side by side, since what waits in them is mostly the other side of a connection.
run_end_to_end() { run_pytest end-to-end -n "$(nproc)" --dist loadfile test/e2e; }

# The names of all fuzz targets.
fuzz_targets() { (cd "$tree/test/fuzz" && printf '%s\n' fuzz_*.cpp | sed 's/\.cpp$//'); }

# run_fuzz SECONDS TARGET...: of the build "sanitized", as many side by side as there are processors.
run_fuzz() {
    local seconds=$1 kept=${CBR_FUZZ_CORPUS:-$work/corpus} target room inputs won=0 lost=0
    shift
    say "fuzzing, $seconds s each: $*"
    "${as_user[@]}" mkdir -p "$work/found"
    "${as_user[@]}" python3 "$tree/test/fuzz/make_seeds.py" "$work/seeds"
    for target; do
        room=${target#fuzz_}
        mkdir -p "$kept/$room" "$work/seeds/$room"
        ((EUID != 0)) || chown "$(stat -c %U "$work")" "$kept/$room"
    done
    # A target that fails writes what it was given into a file found/TARGET-crash-...
    # shellcheck disable=SC2016
    printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} "${as_user[@]}" sh -c 'room=${1#fuzz_}
        "$2/sanitized/test/fuzz/$1" -max_total_time="$3" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
            -artifact_prefix="$2/found/$1-" "$4/$room" "$2/seeds/$room" >"$2/$1.log" 2>&1 || touch "$2/$1.failed"' \
        sh {} "$work" "$seconds" "$kept"
    for target; do
        inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")
        if [[ -e $work/$target.failed || -z $inputs ]]; then
            tail -40 "$work/$target.log"
            lost=$((lost + 1))
        else
            echo "$target: $inputs inputs in $seconds s"
            won=$((won + 1))
        fi
    done
    if ! cp "$work"/found/* . 2>/dev/null; then :; else echo "inputs that fail were copied to $PWD"; fi
    count fuzz "$won" "$lost" 0
}

# As root: containers of an ordinary user are no base for a cluster. Should it end early, scripts/test ends the cluster.
# shellcheck disable=SC2034
run_deployment() {
    local as_user=() settings
    settings=$("$KUBE_TOOL" env)
    eval "$settings"
    run_counted image scripts/test-image
    say "starting a cluster"
    cluster_is_up=yes
    settings=$("$KUBE_TOOL" up)
    eval "$settings"
    export LOAD_IMAGE="$KUBE_TOOL load"
    run_counted cluster /usr/bin/python3 -m pytest -q -rfEs -p no:cacheprovider test/cluster
    "$KUBE_TOOL" down
    cluster_is_up=''
}

run_everything() {
    run_make
    if build gcc g++; then run_ctest gcc; fi
    build clang clang++ -DCBR_TESTS=OFF || true
    if build sanitized clang++ -DCBR_SANITIZE=ON; then
        run_ctest sanitized
        mapfile -t targets < <(fuzz_targets)
        run_fuzz 20 "${targets[@]}"
    fi
    run_regress
    export CBR_MODULES=$tree/cbr.so:$work/gcc/cbr.so
    run_pytest stand-in test/bank
    run_end_to_end
    if [[ -n ${KUBE_TOOL:-} ]]; then
        run_deployment
    else
        say "image and cluster: skipped, KUBE_TOOL names no program that makes a cluster"
        count "image, cluster" 0 0 2
    fi
}

# The unit tests are among it: libcurl and libxml2 are the system's.
run_server() {
    run_make
    if build gcc g++ -DCBR_MODULE=OFF; then run_ctest gcc; fi
    build clang clang++ -DCBR_TESTS=OFF || true
    run_regress
    export CBR_MODULES=$tree/cbr.so:$work/clang/cbr.so
    run_end_to_end
}

# instrument_server WORDS...: from now on the server is started by a shell's command that begins with these words; not
# the runs of a moment by which programs ask for its version, and by which initdb makes a cluster.
instrument_server() {
    local server=$bindir/postgres
    mv "$server" "$server.plain"
    cat >"$server" <<WRAPPER
#!/bin/sh
case "\$1" in
-V | --version | -C | --boot | --single | --check | --describe-config) exec "\$0.plain" "\$@" ;;
esac
exec $* "\$0.plain" "\$@"
WRAPPER
    chmod 755 "$server"
    "${as_user[@]}" mkdir -p "$work/findings"
    export PGCTLTIMEOUT=600 CBR_E2E_PATIENCE=1200
}

# Counts what the instrument wrote, a file for each process of the server that it found something in.
count_findings() { # NAME
    local files
    files=$(find "$work/findings" -type f -size +0 | wc -l)
    if ((files > 0)); then
        find "$work/findings" -type f -size +0 -print0 | sort -z | xargs -0 cat | head -300
        echo "$1 found something in $files processes"
        count "$1" 0 1 0
    else
        count "$1" 1 0 0
    fi
}

# Memory errors of the module, in a server that tells valgrind what palloc hands out. -q: a process in which nothing is
# found leaves an empty file.
run_valgrind() {
    run_make
    instrument_server valgrind -q --leak-check=no --num-callers=40 --gen-suppressions=all \
        "--suppressions=$(dirname "$PG_CONFIG")/../valgrind.supp" "--log-file=$work/findings/%p"
    run_regress
    run_pytest faults test/e2e/test_faults.py test/e2e/test_storing_faults.py
    count_findings valgrind
}

run_assert() { run_server; }

# The module's errors of memory and its undefined behaviour: the sanitizer's library is loaded before the server starts,
# which must be one without translations, or it waits for ever in bindtextdomain(). Leaks are looked for in the core's
# own tests alone, since a server ends without freeing what it has. The tests that count a session's memory would count
# the sanitizer's.
run_asan() {
    local libraries
    if build sanitized clang++ -DCBR_SANITIZE=ON; then run_ctest sanitized; fi
    # Loaded first, the sanitizer looks for what throws, and this server brings no C++ of its own.
    libraries=$(realpath "$(g++ -print-file-name=libasan.so)"):$(realpath "$(g++ -print-file-name=libstdc++.so.6)")
    run_make with_llvm=no SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
    instrument_server env "LD_PRELOAD=$libraries" \
        "ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:log_path=$work/findings/asan" \
        "UBSAN_OPTIONS=print_stacktrace=1:log_path=$work/findings/ubsan"
    run_regress
    run_pytest end-to-end -n "$(nproc)" --dist loadfile test/e2e --deselect test/e2e/test_builds.py \
        --deselect test/e2e/test_session.py --deselect test/e2e/test_backfill.py::test_memory_does_not_grow_with_history \
        --deselect test/e2e/test_convert.py::test_memory_is_flat_over_many_calls
    count_findings asan
}

# The Debian suite whose server is of this version.
suite_of() {
    case $1 in
    13) echo bullseye ;;
    15) echo bookworm ;;
    17) echo trixie ;;
    18) echo forky ;;
    *) return 1 ;;
    esac
}

has_server() { [[ -x /usr/lib/postgresql/$1/bin/pg_config && -f $("/usr/lib/postgresql/$1/bin/pg_config" --pgxs) ]]; }

# in_system_of VERSION SCRIPT ARGUMENT...: on this machine if it has that server, else in a tree of the suite that has it, which
# ends with status 69 where the mirror does not carry the suite.
in_system_of() {
    local suite
    if has_server "$1"; then
        PG_CONFIG=/usr/lib/postgresql/$1/bin/pg_config "$project/$2" "${@:3}"
    else
        suite=$(suite_of "$1") || fail "PostgreSQL $1 is neither installed nor in a suite of Debian known here"
        "$project/scripts/debian-tree" "$suite" "${@:2}"
    fi
}

# run_elsewhere NAME COMMAND...: a run of scripts/test of its own, whose counts are added up here.
run_elsewhere() {
    local name=$1 log status=0 line
    shift
    log=$(mktemp)
    "$@" 2>&1 | tee "$log" || status=$?
    mapfile -t -O "${#lines[@]}" lines < <(grep -E '^PostgreSQL .* skipped$' "$log" || true)
    line=$(tail -1 "$log")
    rm -f "$log"
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
    elif ((status == 69)); then
        lines+=("$name: skipped, since the mirror does not carry its suite of Debian")
        skipped=$((skipped + 1))
    else
        lines+=("$name: ended with status $status before it could count")
        failed=$((failed + 1))
    fi
}

run_version() { # VERSION
    local options=()
    say "PostgreSQL $1"
    if ! has_server "$1"; then
        in_system_of "$1" scripts/test --packages || true # which that tree keeps
        options=(--server)
    fi
    run_elsewhere "PostgreSQL $1" in_system_of "$1" scripts/test "${options[@]}"
}

# run_ladder VERSION...: from one major version to the others, in the system of the newest: older servers run there, too.
run_ladder() {
    local ladder version newest status
    mapfile -t ladder < <(printf '%s\n' "$@" | sort -n)
    newest=${ladder[-1]}
    servers=$(mktemp -d /tmp/cbr.XXXXXX)
    chmod 755 "$servers"
    export CBR_SHARE=$servers CBR_OTHER_BINDIRS=
    for version in "${ladder[@]}"; do
        ((version != newest)) || continue
        status=0
        in_system_of "$version" scripts/portable-server "$servers/$version" || status=$?
        case $status in
        0) CBR_OTHER_BINDIRS+=${CBR_OTHER_BINDIRS:+:}$servers/$version/usr/lib/postgresql/$version/bin ;;
        69) ;; # told already, where its own tests were skipped
        *) count "portable-server $version" 0 1 0 ;;
        esac
    done
    run_elsewhere "PostgreSQL ${ladder[*]}" in_system_of "$newest" scripts/test --majors
    rm -rf "$servers"
    servers=
}

# From and to the servers that CBR_OTHER_BINDIRS names.
run_majors() {
    run_make
    run_pytest majors test/e2e/test_majors.py
}
