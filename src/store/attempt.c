#include "store/attempt.h"

#include "base/buf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The longest that is told apart; longer log-ins than an address may be share a bucket. */
enum { MESSAGE_BYTES = 512 };

static void bucket_key(const struct secret *secret, const char *purpose, const char *login, const char *address,
                       unsigned char key[ATTEMPT_KEY_BYTES])
{
    char message[MESSAGE_BYTES];
    int length = snprintf(message, sizeof message, "%s\n%s", address, login);

    /* Spellings that PostgreSQL's name_key folds beyond ASCII get buckets of their own; the account's limit holds them. */
    for (char *at = message; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    if (length >= MESSAGE_BYTES)
        length = MESSAGE_BYTES - 1;
    secret_mac(secret, 0, purpose, message, (size_t)length, key);
}

void attempt_init(struct attempt *attempt, const struct secret *secret, const char *login, const char *address)
{
    attempt->first = login != NULL ? ATTEMPT_PAIR : ATTEMPT_ADDRESS;
    attempt->end = login != NULL ? ATTEMPT_BUCKETS : ATTEMPT_ACCOUNT;
    bucket_key(secret, "attempt pair", login != NULL ? login : "", address, attempt->keys[ATTEMPT_PAIR]);
    bucket_key(secret, "attempt address", "", address, attempt->keys[ATTEMPT_ADDRESS]);
    bucket_key(secret, "attempt account", login != NULL ? login : "", "", attempt->keys[ATTEMPT_ACCOUNT]);
}

/* The keys from the first on as PostgreSQL array text. */
static const char *keys_text(struct arena *arena, const struct attempt *attempt, size_t first)
{
    struct buf text;

    buf_init(&text, arena, ATTEMPT_BUCKETS * (2 * ATTEMPT_KEY_BYTES + 8) + 2);
    if (!buf_add_string(&text, "{"))
        return NULL;
    for (size_t i = first; i < attempt->end; i++) {
        const char *hex = db_bytes(arena, attempt->keys[i], ATTEMPT_KEY_BYTES);

        /* Within an array the backslash is escaped. */
        if (hex == NULL || !buf_printf(&text, "%s\"\\%s\"", i > first ? "," : "", hex))
            return NULL;
    }
    return buf_add_string(&text, "}") ? text.bytes : NULL;
}

static bool known_address(struct db *db, struct arena *arena, const char *login, const char *address, bool *known,
                          struct err *err)
{
    const char *const values[] = {login, address};
    struct db_result row;

    if (db_query(db, arena, STATEMENT_ATTEMPT_KNOWN_ADDRESS, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "no answer about the address");
    *known = db_flag(&row, 0, 0);
    return true;
}

static bool take(struct db *db, struct arena *arena, const struct config *config, const struct attempt *attempt,
                 int64_t *wait_s, struct err *err)
{
    const int64_t limits[ATTEMPT_BUCKETS] = {
        [ATTEMPT_PAIR] = config->login_failures_per_pair,
        [ATTEMPT_ADDRESS] = config->login_failures_per_address,
        [ATTEMPT_ACCOUNT] = config->login_failures_per_account,
    };
    const char *values[] = {keys_text(arena, attempt, attempt->first), NULL,
                            arena_printf(arena, "%lld", (long long)config->login_window_s)};
    struct db_result row;
    struct buf text;

    buf_init(&text, arena, 128);
    for (size_t i = attempt->first; i < attempt->end; i++)
        if (!buf_printf(&text, "%c%lld", i == attempt->first ? '{' : ',', (long long)limits[i]))
            return err_memory(err);
    if (!buf_add_string(&text, "}") || values[0] == NULL || values[2] == NULL)
        return err_memory(err);
    values[1] = text.bytes;
    if (db_query(db, arena, STATEMENT_ATTEMPT_TAKE, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "attempt was not counted");
    *wait_s = db_number(&row, 0, 0);
    return true;
}

bool attempt_take(struct db *db, struct arena *arena, const struct config *config, struct attempt *attempt,
                  const char *login, const char *address, struct err *err)
{
    int64_t wait_s;
    bool known = false;

    if (!take(db, arena, config, attempt, &wait_s, err))
        return false;
    if (wait_s == 0)
        return true;
    /* Only one who is refused costs this question. */
    if (login != NULL && !known_address(db, arena, login, address, &known, err))
        return false;
    if (known) {
        attempt->end = ATTEMPT_ACCOUNT;
        if (!take(db, arena, config, attempt, &wait_s, err))
            return false;
        if (wait_s == 0)
            return true;
    }
    err_set(err, ERR_LIMIT, "too many attempts; try again in %lld seconds", (long long)wait_s);
    err->retry_after_s = wait_s;
    return false;
}

bool attempt_clear(struct db *db, struct arena *arena, const struct attempt *attempt, struct err *err)
{
    const char *const values[] = {db_bytes(arena, attempt->keys[ATTEMPT_PAIR], ATTEMPT_KEY_BYTES),
                                  keys_text(arena, attempt, ATTEMPT_ADDRESS)};
    struct db_result ignored;

    if (values[0] == NULL || values[1] == NULL)
        return err_memory(err);
    return db_query(db, arena, STATEMENT_ATTEMPT_CLEAR, values, &ignored, err) != DB_FAIL;
}
