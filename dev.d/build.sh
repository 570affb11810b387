# shellcheck shell=bash
# Out of tree, in build/ or build-sanitized/, by the owner of the checkout. One build serves all stacks; each installs it
# for itself.

build_folder() {
    if $SANITIZE; then
        printf '%s/build-sanitized' "$CHECKOUT"
    else
        printf '%s/build' "$CHECKOUT"
    fi
}

# Only what `make install` puts somewhere depends on the prefix, so it is given there.
build() {
    # shellcheck disable=SC2034 # for build_in
    local options=() targets=(all)

    # shellcheck disable=SC2034 # for build_in
    ! $SANITIZE || options=(--enable-sanitizers)
    [[ $1 != test ]] || targets+=('check TESTS=')
    build_in "$(build_folder)" options targets
}

# build_in FOLDER OPTIONS TARGETS: the last two are names of arrays, of what configure is told and of what is made.
build_in() {
    local build=$1 target
    local -n configure_options=$2 make_targets=$3

    mkdir -p "$build" 2>/dev/null || true
    [[ -w $build ]] ||
        die "$build can't be written to; run this as $(stat -c %U "$CHECKOUT"), who owns the checkout"
    # automake builds in no other folder what was configured in the sources, as for the deployment.
    [[ ! -f $CHECKOUT/config.status ]] ||
        die "$CHECKOUT was configured in place. Take that back with make -C $CHECKOUT distclean; what it installed stays"
    exec 8>"$build/lock"
    flock 8
    if [[ ! -x $CHECKOUT/configure ]]; then
        say 'autoreconf'
        (cd "$CHECKOUT" && autoreconf -i) || die 'autoreconf failed; what it says is above'
    fi
    if [[ ! -f $build/Makefile ]]; then
        say 'configure'
        (cd "$build" && "$CHECKOUT/configure" -q "${configure_options[@]}") || die "configure failed; see $build/config.log"
    fi
    # One after the other: together they would build the same objects twice at once.
    for target in "${make_targets[@]}"; do
        # shellcheck disable=SC2086 # a target and its variable
        make -s -C "$build" -j"$(nproc)" $target >&2 || die 'the build failed; what the compiler says is above'
    done
    exec 8>&-
}

# Programs are replaced only when they changed, so that `up` sees what to restart.
build_install() {
    local log=$SCRATCH/log/install.log build

    build=$(build_folder)
    exec 8<"$build/lock"
    flock -s 8
    make -s -C "$build" install prefix="$INST" INSTALL='install -C' >"$log" 2>&1 ||
        die "make install failed:" "$(tail -n 5 "$log")"
    exec 8<&-
}
