/* mayflyctl: what its commands share. A command finds its arguments in struct ctl, prints its result to stdout and
 * messages to stderr, and fails with an error that says what is wrong and what to do. */
#ifndef MAYFLY_CTL_CTL_H
#define MAYFLY_CTL_CTL_H

#include "app/exchange.h"
#include "store/account_summary.h"
#include "store/site.h"

enum ctl_option {
    OPTION_ACCOUNT,
    OPTION_ADDRESS,
    OPTION_AFTER,
    OPTION_AWAY,
    OPTION_BACK,
    OPTION_DAYS,
    OPTION_DEEP,
    OPTION_DENIED,
    OPTION_ECHO,
    OPTION_EMAIL,
    OPTION_EXPIRED,
    OPTION_FACTORS,
    OPTION_GENERATE,
    OPTION_GROUPS,
    OPTION_JSON,
    OPTION_KEY_FILE,
    OPTION_LOGIN,
    OPTION_METHOD,
    OPTION_NAME,
    OPTION_NOW,
    OPTION_ONCE,
    OPTION_ORDER,
    OPTION_OTHER,
    OPTION_PUBLIC,
    OPTION_REPAIR,
    OPTION_REQUIRE,
    OPTION_RULES,
    OPTION_SCOPES,
    OPTION_SITES,
    OPTION_TITLE,
    OPTION_TO,
    OPTION_USER,
    OPTION_COUNT
};

enum {
    CTL_ARGUMENTS_MAX = 1 + SITE_ORIGINS_MAX,
    CTL_REQUIRED_MAX = RULES_ROWS_MAX,
    CTL_FOUND = 1, /* exit status of a command that is done and has found something wrong */
    CTL_EXIT_USAGE = 2,
};

/* The user that root became to run a command; see ctl/workers_user.h. */
enum ctl_root { ROOT_NOT_CHANGED, ROOT_BECAME_USER, ROOT_WITHOUT_USER };

struct ctl {
    const char *config_path;
    struct services services; /* those that the command needs; the others are zero */
    struct arena arena;
    const char *arguments[CTL_ARGUMENTS_MAX]; /* NULL: not given */
    const char *options[OPTION_COUNT];        /* the value, "" for one without; NULL: not given */
    const char *required[CTL_REQUIRED_MAX];   /* the values of --require, which may be given several times */
    int required_count;
    int status;         /* the exit status of a command that is done; 0 unless it sets another one */
    char **words;       /* of a command that reads its options itself: its name first, NULL last */
    int failure_status; /* exit status of a command that fails; 0: the one of its row */
    enum ctl_root root;
};

/* The commands; ctl.c has the table. */
bool user_add(struct ctl *, struct err *);
bool user_list(struct ctl *, struct err *);
bool user_passwd(struct ctl *, struct err *);
bool user_disable(struct ctl *, struct err *);
bool user_delete(struct ctl *, struct err *);
bool user_enable(struct ctl *, struct err *);
bool user_groups(struct ctl *, struct err *);
bool session_show(struct ctl *, struct err *);
bool session_stop(struct ctl *, struct err *);
bool invite_make(struct ctl *, struct err *);
bool key_make(struct ctl *, struct err *);
bool key_print_all(struct ctl *, struct err *);
bool key_drop(struct ctl *, struct err *);
bool invitation_print_all(struct ctl *, struct err *);
bool invitation_drop(struct ctl *, struct err *);
bool config_show(struct ctl *, struct err *);
bool config_check(struct ctl *, struct err *);
bool system_routes(struct ctl *, struct err *);
bool system_sweep(struct ctl *, struct err *);
bool system_deploy(struct ctl *, struct err *);
bool files_fsck(struct ctl *, struct err *);
bool files_list(struct ctl *, struct err *);
bool files_show(struct ctl *, struct err *);
bool files_move(struct ctl *, struct err *);
bool system_prove(struct ctl *, struct err *);
bool schema_status(struct ctl *, struct err *);
bool secret_list(struct ctl *, struct err *);
bool secret_add(struct ctl *, struct err *);
bool secret_promote(struct ctl *, struct err *);
bool secret_remove(struct ctl *, struct err *);
bool site_make(struct ctl *, struct err *);
bool site_print_all(struct ctl *, struct err *);
bool site_print(struct ctl *, struct err *);
bool site_change(struct ctl *, struct err *);
bool site_drop(struct ctl *, struct err *);
bool site_key_make(struct ctl *, struct err *);
bool site_key_print_all(struct ctl *, struct err *);
bool site_key_drop(struct ctl *, struct err *);
bool site_try(struct ctl *, struct err *);
bool gate_prove(struct ctl *, struct err *);
bool nginx_check(struct ctl *, struct err *);
bool system_top(struct ctl *, struct err *);
bool completion_print(struct ctl *, struct err *);

/* An error in the arguments: exit status 2 instead of 1. */
#define CTL_USAGE "usage"
#define ctl_usage(err, ...) err_field(err, ERR_INPUT, CTL_USAGE, __VA_ARGS__)

/* What follows is in ctl/shared.c. */

/* The account that an administrator names; ERR_ABSENT when there is none. */
bool ctl_account(struct ctl *, const char *login, struct account_summary *, struct err *) MUST_CHECK;

/* A change of an account or of its sessions. */
struct ctl_change {
    struct ctl *ctl;
    struct uuid account;
    const void *value;          /* what is changed to; work knows its type */
    struct session_ids forgets; /* whose cached copies are out of date once an attempt was committed */
};

/*
 * Runs work in a transaction, then removes the cached copies, then returns: when a command reports that it is done, no
 * worker accepts the old state. Warns when a copy can't be removed.
 */
bool ctl_apply(struct ctl_change *, bool (*work)(struct db *, void *change, struct err *), struct err *) MUST_CHECK;

/*
 * After COMMIT: invalidates the cached copies that are out of date. As app/tombstones.h, a node that hangs is waited
 * for until what it holds is too old. Warns when a node is not reachable.
 */
void ctl_tell_cache(struct ctl *, enum cache_written (*tell)(struct cache *, const void *what), const void *what,
                    int64_t fresh_s);

struct table_column;

/* Prints rows as a table of their first columns, count of them; with --json as an array of the column behind those. */
bool ctl_print_rows(struct ctl *, const struct table_column *, int count, const struct db_result *,
                    struct err *) MUST_CHECK;

/* Inside work. */
bool ctl_found(enum db_rc, struct err *) MUST_CHECK; /* ERR_ABSENT when the account was closed meanwhile */
bool ctl_lock_account(struct ctl_change *, struct err *) MUST_CHECK;
bool ctl_end_sessions(struct ctl_change *, struct err *) MUST_CHECK; /* of the locked account, all of them */
bool ctl_forget_keys(struct ctl_change *,
                     struct err *) MUST_CHECK; /* and the cached copies of its keys are out of date */

#endif
