# shellcheck shell=bash
# Who does what: packages are root's, the build is done by the owner of the checkout, all else by somebody who is not root.

# Sets OWNER, of the checkout, and RUNNER, who is not root.
users_find() {
    OWNER=$(stat -c %U "$CHECKOUT")
    RUNNER=$OWNER
    [[ $OWNER != root && $OWNER != UNKNOWN ]] || RUNNER=www-data
}

as_runner() {
    setpriv --reuid="$RUNNER" --regid="$(id -g "$RUNNER")" --init-groups -- "$@"
}

# The same command again as RUNNER, unless we are not root already.
drop_root() {
    if ((EUID != 0)); then
        leave_forbidden_folder
        return
    fi
    users_find
    checkout_readable || CHECKOUT=$(checkout_copy_name)
    [[ -x $CHECKOUT/dev ]] || die 'nothing runs yet; start it with ./dev up'
    exec setpriv --reuid="$RUNNER" --regid="$(id -g "$RUNNER")" --init-groups -- \
        env HOME="$SCRATCH" USER="$RUNNER" LOGNAME="$RUNNER" "$CHECKOUT/dev" "$@"
}

# Programs complain when they are started in a folder that they may not enter, such as /root.
leave_forbidden_folder() {
    [[ -x $PWD ]] || cd "$CHECKOUT" || exit
}

# root's home is closed to others: then a copy is built and used.
checkout_readable() {
    as_runner test -r "$CHECKOUT/dev" 2>/dev/null
}

checkout_copy_name() {
    printf '/tmp/mayfly-src-%s' "$MAYFLY_CHECKOUT_ID"
}

# Refreshed in place, since a test may be running from it.
checkout_copy() {
    local copy file

    copy=$(checkout_copy_name)
    mkdir -m 0755 "$copy" 2>/dev/null || [[ -O $copy && -d $copy && ! -L $copy ]] ||
        die "$copy is not ours; remove it, or move the checkout to a folder that $RUNNER can read"
    say "$RUNNER can't read $CHECKOUT; this works on a copy, $copy"
    tar -C "$CHECKOUT" --exclude=./build --exclude=./build-sanitized --exclude=./build-fuzz --exclude=./build-ci --exclude=./.git -cf - . |
        tar -C "$copy" --no-same-owner --no-overwrite-dir -xf -
    (cd "$copy" && find dev.d etc nginx sql src t -type f) | while IFS= read -r file; do
        [[ -e $CHECKOUT/$file ]] || rm -f "${copy:?}/$file"
    done
    chmod -R a+rX "$copy"
    CHECKOUT=$copy
}

# The way from root to RUNNER for the commands that install and build; "$@" is the command line.
prepare() {
    local purpose=$1

    if [[ -n ${MAYFLY_PREPARED-} ]]; then
        unset MAYFLY_PREPARED
        leave_forbidden_folder
        return
    fi
    if [[ ($purpose == up || $purpose == bench) && " $* " == *' --s3 '* ]]; then
        packages_require s3
    elif [[ $purpose == test && " $* " == *' --long '* ]]; then
        packages_require long
    else
        packages_require "$purpose"
    fi
    if ((EUID == 0)); then
        users_find
        scratch_make "$RUNNER"
        if [[ $OWNER == "$RUNNER" ]]; then
            hand_over "$@"
            return
        fi
        checkout_readable || checkout_copy
    else
        scratch_make
    fi
    if [[ $purpose != fuzz ]]; then
        build "$purpose"
    fi
    ! fuzz_wanted "$@" || build_fuzz
    ((EUID != 0)) || MAYFLY_PREPARED=yes hand_over "$@"
}

# RUNNER carries on in our place; only `test` has something left for root, and learns in RUNNER_STATUS how it went.
hand_over() {
    [[ $1 == test ]] || drop_root "$@"
    RUNNER_STATUS=0
    (MAYFLY_ROOT_FOLLOWS=yes drop_root "$@") || RUNNER_STATUS=$?
}
