# The suites of scripts/test, and how they are counted; to be sourced after scripts/common.sh.
# shellcheck shell=bash disable=SC2154

passed=0 failed=0 skipped=0
lines=() # one for each suite

# count SUITE PASSED FAILED SKIPPED
count() {
    passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
    lines+=("$(printf 'PostgreSQL %-6s %-18s %d passed, %d failed, %d skipped' "$(server_version)" "$1" "$2" "$3" "$4")")
}
server_version() { "$PG_CONFIG" --version | awk '{ print $2 }'; }
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
    local name=$1 line lost
    shift
    logged "$name" python3 -m pytest -q -rs -p no:cacheprovider "$@" || true
    grep -E '^SKIPPED' "$work/$name.log" || true
    line=$(tail -1 "$work/$name.log")
    echo "$line"
    lost=$(($(number failed "$line") + $(number 'errors?' "$line")))
    [[ $line == *passed* || $lost -gt 0 ]] || lost=1
    count "$name" "$(number passed "$line")" "$lost" "$(number skipped "$line")"
}

# Whole files of tests side by side, since what waits in them is mostly the other side of a connection.
run_end_to_end() { run_pytest end-to-end -n "$(nproc)" --dist loadfile test/e2e; }

run_everything() {
    run_make
    if build gcc g++; then run_ctest gcc; fi
    build clang clang++ -DCBR_TESTS=OFF || true
    if build sanitized clang++ -DCBR_SANITIZE=ON; then run_ctest sanitized; fi
    run_regress
    export CBR_MODULES=$tree/cbr.so:$work/gcc/cbr.so
    run_pytest stand-in test/bank
    run_end_to_end
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

# run_version VERSION: in a run of its own, whose counts are added up here.
run_version() {
    local version=$1 config=/usr/lib/postgresql/$1/bin/pg_config suite log status=0 line
    log=$(mktemp)
    if [[ -x $config && -f $("$config" --pgxs) ]]; then
        say "PostgreSQL $version, of this machine"
        PG_CONFIG=$config "$project/scripts/test" 2>&1 | tee "$log" || status=$?
    else
        suite=$(suite_of "$version") || fail "PostgreSQL $version is neither installed nor in a suite of Debian known here"
        say "PostgreSQL $version, in a tree of $suite"
        { "$project/scripts/debian-tree" "$suite" scripts/test --packages &&
            "$project/scripts/debian-tree" "$suite" scripts/test --server; } 2>&1 | tee "$log" || status=$?
    fi
    mapfile -t -O "${#lines[@]}" lines < <(grep -E '^PostgreSQL .* skipped$' "$log" || true)
    line=$(tail -1 "$log")
    rm -f "$log"
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
    elif ((status == 69)); then
        lines+=("PostgreSQL $version: skipped, since the mirror does not carry $suite")
        skipped=$((skipped + 1))
    else
        lines+=("PostgreSQL $version: ended with status $status before it could count")
        failed=$((failed + 1))
    fi
}
