#include "app/account/credentials.h"

#include "app/account/device_cookie.h"
#include "app/once.h"

#include <string.h>
#include <time.h>

struct password_cost credentials_cost(const struct config *config)
{
    return (struct password_cost){
        .passes = (unsigned long long)config->password_passes,
        .memory_bytes = (size_t)config->password_memory_kib * 1024,
    };
}

/* Verifies the password. *stale: the hash should be made again, with another cost or of the password's present form. */
static bool fits(struct exchange *x, const struct account *account, const char *password, bool *stale)
{
    const struct password_cost cost = credentials_cost(&x->services->config);
    bool good =
        password_verify(&cost, account != NULL ? account->password_hash : NULL, password, strlen(password), stale);

    *stale = *stale || (account != NULL && password_needs_rehash(&cost, account->password_hash));
    return good && !account->disabled;
}

/* What an earlier run has found, so that a run after another transaction's lock neither counts nor hashes again. */
struct known {
    struct account account;
    struct attempt attempt;
    bool stale;
};

static bool recall(struct exchange *x, struct account *account, struct attempt *attempt, bool *stale)
{
    const struct known *known = x->kept;

    if (known == NULL || !x->again.recalls)
        return false;
    x->again.recalls = false;
    *account = known->account;
    *attempt = known->attempt;
    *stale = known->stale;
    return true;
}

static bool remember(struct exchange *x, const struct account *account, const struct attempt *attempt, bool stale,
                     struct err *err)
{
    struct known *known = arena_alloc(&x->arena, sizeof *known);

    if (known == NULL)
        return err_memory(err);
    *known = (struct known){*account, *attempt, stale};
    x->kept = known;
    return true;
}

/*
 * Counts the attempt. Its time does not tell whether the name exists: the bucket of a device is asked for only with a
 * cookie of the account.
 */
static bool take_attempt(struct exchange *x, const struct account *account, const char *key, const char *password,
                         struct attempt *attempt, struct err *err)
{
    struct services *services = x->services;
    struct db *db = services->sessions.db;
    struct device device;

    /* This takes as long for an unknown name. */
    if (device_cookie_find(x, account != NULL ? &account->id : NULL, &device)) {
        attempt_by_device(attempt, &services->secret, &account->id, &device.id);
        attempt_password(attempt, &services->secret, password);
        if (attempt_take(db, &x->arena, &services->config, attempt, err) || err->kind != ERR_LIMIT)
            return err->kind == ERR_NONE;
        /* A device that has used up its own attempts is treated like any other. */
        err_clear(err);
    }
    if (account != NULL)
        attempt_by_account(attempt, &services->secret, &account->id, x->request.address);
    else
        attempt_by_name(attempt, &services->secret, key, x->request.address);
    attempt_password(attempt, &services->secret, password);
    return attempt_take(db, &x->arena, &services->config, attempt, err);
}

bool credentials_check(struct exchange *x, const char *login, const char *password, struct account *account,
                       struct attempt *attempt, bool *stale, struct err *err)
{
    const char *key;
    enum db_rc rc;

    if (recall(x, account, attempt, stale))
        return true;
    rc = account_by_login(x->services->sessions.db, &x->arena, login, account, &key, err);
    if (rc == DB_FAIL || !take_attempt(x, rc == DB_ROW ? account : NULL, key, password, attempt, err))
        return false;
    if (!fits(x, rc == DB_ROW ? account : NULL, password, stale))
        return err_set(err, ERR_LOGIN, "wrong name or password");
    return remember(x, account, attempt, *stale, err);
}

bool credentials_confirm(struct exchange *x, const char *password, struct account *account, struct attempt *attempt,
                         struct err *err)
{
    struct services *services = x->services;
    struct db *db = services->sessions.db;
    enum db_rc rc;
    bool stale; /* ignored: only a log-in makes a hash again */

    if (recall(x, account, attempt, &stale))
        return true;
    /* A session proves more than a device cookie. Attempts of others do not count in its bucket. */
    attempt_by_device(attempt, &services->secret, &x->session.account, &x->session.id);
    attempt_password(attempt, &services->secret, password);
    if (!attempt_take(db, &x->arena, &services->config, attempt, err))
        return false;
    rc = account_by_id(db, &x->arena, &x->session.account, account, err);
    if (rc == DB_FAIL)
        return false;
    if (fits(x, rc == DB_ROW ? account : NULL, password, &stale))
        return remember(x, account, attempt, stale, err);
    /*
     * This request may have changed the password already: its worker died after COMMIT, and the cache still had the
     * session.
     */
    if (!once_find(x, err))
        return false;
    if (x->replayed)
        return credentials_forgive(x, attempt, err);
    /* Not 401: the session is valid, and a client would take 401 for a log-out. */
    return err_field(err, ERR_DENIED, "password", "the current password is wrong");
}

bool credentials_forgive(struct exchange *x, const struct attempt *attempt, struct err *err)
{
    return attempt_clear(x->services->sessions.db, &x->arena, attempt, err);
}

bool credentials_settle(struct exchange *x, const struct attempt *attempt, bool done, const struct err *err)
{
    struct err ignored = {.kind = ERR_NONE}; /* the attempt then counts until its window is over */
    bool counts = !done && (err->kind == ERR_LOGIN || err->kind == ERR_DENIED || err->kind == ERR_DOWN);

    /* An effect that was done has cleared the attempt itself. */
    if (!counts && (!done || x->replayed))
        (void)!credentials_forgive(x, attempt, &ignored);
    return done;
}

bool credentials_hash(struct exchange *x, const char *password, char hash[PASSWORD_HASH_BYTES], struct err *err)
{
    const struct password_cost cost = credentials_cost(&x->services->config);

    return password_hash(&cost, password, strlen(password), hash, err);
}

const char *credentials_expiry(struct exchange *x, int64_t expires_at_ms)
{
    time_t seconds = expires_at_ms / 1000;
    struct tm utc;
    char text[32];

    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return arena_strdup(&x->arena, text);
}
