# shellcheck shell=bash
# The example sites behind the gate that `up` shows: those of examples/ whose programs are installed. Each is at a name of its own
# below localhost, which browsers take for this machine, and for domains that have nothing to do with each other.

SITES=(wiki shop notes tasks)
declare -A SITE_FOLDER=([wiki]=static [shop]=php [notes]=flask [tasks]=express)
declare -A SITE_TITLE=([wiki]='Wiki' [shop]='Shop' [notes]='Notes' [tasks]='Tasks')
# The programs that listen on a socket of their own, and keep data here by the site's key.
SITE_PROGRAMS=(shop notes tasks)
SITE_HOME=auth

fpm_program() {
    printf '%s\n' /usr/sbin/php-fpm* | sort -V | tail -n 1
}

# Debian's Express is for Debian's node; npm's is where npm has put it for the example, or here.
express_modules() {
    local folder

    for folder in "$CHECKOUT/examples/express/node_modules" "$SCRATCH/npm/node_modules"; do
        [[ -d $folder/express ]] || continue
        printf '%s' "$folder"
        return
    done
}

# What is to be installed first; nothing: it can be shown.
site_lacks() {
    case $1 in
    shop) [[ -x $(fpm_program) ]] || printf 'apt-get install php-fpm' ;;
    notes) [[ -x /usr/bin/gunicorn && -d /usr/lib/python3/dist-packages/flask ]] || printf 'apt-get install gunicorn python3-flask' ;;
    tasks) [[ -n $(command -v node) && -n $(express_modules) ]] || printf 'npm ci --prefix %s/examples/express' "$CHECKOUT" ;;
    esac
}

# site_url NAME PORT
site_url() {
    local port=:$2

    printf 'http://%s.localhost%s' "$1" "${port#:80}"
}

# sites_write PORT: their files as they are for a server, with this folder's paths and port, without TLS.
sites_write() {
    local name

    rm -f "$SCRATCH"/etc/sites.d/*
    for name in "${SITES[@]}"; do
        [[ -z $(site_lacks "$name") ]] || continue
        sed -e '/ssl_certificate/d; /listen \[::\]/d' -e "s,listen 443 .*;,listen 127.0.0.1:$1;," \
            -e "s,https://auth\.example\.org,$(site_url $SITE_HOME "$1"),; s,\.example\.org;,.localhost;," \
            -e 's,/usr/share/mayfly/nginx/,snippets/,' -e "s,/srv/examples/,$CHECKOUT/examples/,; s,/run/examples/,$SCRATCH/run/," \
            -e "s,/var/log/nginx/,$SCRATCH/log/," \
            "$CHECKOUT/examples/${SITE_FOLDER[$name]}/nginx.conf" >"$SCRATCH/etc/sites.d/$name.conf"
    done
}

# home_is PORT: whether one logs in there, or where somebody has said.
home_is() {
    local home

    home=$(sed -n 's/^home *= *//p' "$SCRATCH/etc/mayfly.conf")
    [[ -n $home && ($home != "http://$SITE_HOME.localhost"* || $home == "$(site_url $SITE_HOME "$1")") ]]
}

home_set() {
    setting_set home "$(site_url $SITE_HOME "$1")"
}

site_ctl() {
    "$INST/bin/mayflyctl" -c "$SCRATCH/etc/mayfly.conf" "$@" 2>>"$SCRATCH/log/sites.log"
}

# site_register NAME PORT: its row, and the key by which its program keeps data.
site_register() {
    local name=$1 url rule=(--require any) verb=edit

    url=$(site_url "$name" "$2")
    [[ $name != shop ]] || rule=(--require public)
    [[ $name != tasks ]] || rule+=(--require 'any key path:/api/')
    site_ctl site show "$name" >/dev/null || verb=add
    site_ctl site $verb "$name" "$url" "${rule[@]}" --title "${SITE_TITLE[$name]}" || return
    [[ " ${SITE_PROGRAMS[*]} " == *" $name "* && ! -s $SCRATCH/etc/$name.key ]] || return 0
    (umask 077 && site_ctl site key "$name" './dev up' >"$SCRATCH/etc/$name.key")
}

# site_start NAME PORT
site_start() {
    local name=$1 socket=$SCRATCH/run/$1.sock home

    ! service_pid "$name" || return 0
    rm -f "$socket"
    home=$(site_url $SITE_HOME "$2")
    (
        MAYFLY_KEY=$(<"$SCRATCH/etc/$name.key")
        export MAYFLY_KEY MAYFLY_URL=http://127.0.0.1:$2 MAYFLY_HOME=$home
        case $name in
        shop)
            (umask 077 && {
                printf '[global]\nerror_log = %s/log/shop.log\ndaemonize = no\n' "$SCRATCH"
                sed -e '/^user\|^group\|^listen\./d' -e "s,/run/examples/,$SCRATCH/run/," \
                    -e "s,^env.MAYFLY_URL.*,env[MAYFLY_URL] = $MAYFLY_URL,; s,^env.MAYFLY_HOME.*,env[MAYFLY_HOME] = $home," \
                    -e "s,^env.MAYFLY_KEY.*,env[MAYFLY_KEY] = $MAYFLY_KEY," "$CHECKOUT/examples/php/fpm.conf"
            } >"$SCRATCH/etc/shop-fpm.conf")
            spawn shop "$(fpm_program)" -n -y "$SCRATCH/etc/shop-fpm.conf"
            ;;
        notes)
            # Its name is in the title that it may give itself.
            PYTHONDONTWRITEBYTECODE=1 spawn notes /usr/bin/gunicorn --name "$SCRATCH/notes" --workers 1 --threads 4 \
                --worker-tmp-dir "$SCRATCH/tmp" --chdir "$CHECKOUT/examples/flask" --pythonpath "$CHECKOUT/examples/python-sessions" \
                --bind "unix:$socket" app:app
            ;;
        tasks)
            NODE_PATH=$(express_modules) LISTEN=$socket spawn tasks "$(command -v node)" "$CHECKOUT/examples/express/app.js" "$socket"
            ;;
        esac
    )
}

# Somebody to log in as. The password is kept beside the account, in this folder.
demo_account() {
    [[ -s $SCRATCH/etc/demo ]] || (umask 077 && site_ctl user add demo --name 'Demo' --groups staff --generate >"$SCRATCH/etc/demo") ||
        say "there is no account demo: $(tail -n 1 "$SCRATCH/log/sites.log")"
}

sockets_there() {
    local name

    for name; do
        [[ -S $SCRATCH/run/$name.sock ]] || return 1
    done
}

# sites_up PORT: registers those that are not at this port yet, and starts what does not run. etc/sites has the port and the names.
sites_up() {
    local name lacks listening=() known

    known=$(cat "$SCRATCH/etc/sites" 2>/dev/null || true)
    if [[ ${known%% *} != "$1" ]]; then
        sites_down
        known=$1
    fi
    for name in "${SITES[@]}"; do
        lacks=$(site_lacks "$name")
        if [[ -n $lacks ]]; then
            say "no $name.localhost without: $lacks"
            continue
        fi
        [[ " $known " == *" $name "* ]] || site_register "$name" "$1" ||
            die "the site $name can't be made: $(tail -n 1 "$SCRATCH/log/sites.log")"
        [[ " $known " == *" $name "* ]] || known+=" $name"
        [[ " ${SITE_PROGRAMS[*]} " == *" $name "* ]] || continue
        site_start "$name" "$1"
        listening+=("$name")
    done
    printf '%s\n' "$known" >"$SCRATCH/etc/sites"
    demo_account
    wait_until 20 sockets_there "${listening[@]}" || say 'not all example sites have started; see ./dev logs'
}

sites_down() {
    local name

    for name in "${SITE_PROGRAMS[@]}"; do
        service_stop "$name" TERM 10
    done
}

# sites_tell PORT: for whoever sits in front of a browser.
sites_tell() {
    local name

    printf 'In a browser, sites behind the gate, with one log-in for all of them:\n'
    for name in "${SITES[@]}"; do
        [[ ! -e $SCRATCH/etc/sites.d/$name.conf ]] || printf '  %-28s %s\n' "$(site_url "$name" "$1")/" "examples/${SITE_FOLDER[$name]}"
    done
    printf '  %-28s %s\n' "$(site_url $SITE_HOME "$1")/" 'where one logs in'
    [[ ! -s $SCRATCH/etc/demo ]] || printf 'Log in as demo with the password %s, or register.\n' "$(<"$SCRATCH/etc/demo")"
}
