#include "store/attempt.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

/* The longest that is told apart: the key of a name, with an address, is no longer where one can be registered. */
enum { MESSAGE_BYTES = 512 };

static void bucket_key(const struct secret *secret, const char *purpose, const char *who, const char *address,
                       unsigned char key[ATTEMPT_KEY_BYTES])
{
    char message[MESSAGE_BYTES];
    int length = snprintf(message, sizeof message, "%s\n%s", address, who);

    if (length >= MESSAGE_BYTES)
        length = MESSAGE_BYTES - 1;
    secret_mac(secret, 0, purpose, message, (size_t)length, key);
}

static void init(struct attempt *attempt, const struct secret *secret, const char *who, const char *address)
{
    *attempt = (struct attempt){.address = address, .first = ATTEMPT_PAIR, .end = ATTEMPT_BUCKETS};
    bucket_key(secret, "attempt pair", who, address, attempt->keys[ATTEMPT_PAIR]);
    bucket_key(secret, "attempt address", "", address, attempt->keys[ATTEMPT_ADDRESS]);
    bucket_key(secret, "attempt account", who, "", attempt->keys[ATTEMPT_ACCOUNT]);
}

void attempt_by_account(struct attempt *attempt, const struct secret *secret, const struct uuid *account,
                        const char *address)
{
    char who[UUID_TEXT_BYTES];

    uuid_format(account, who);
    init(attempt, secret, who, address);
    attempt->account = *account;
    attempt->known = true;
}

void attempt_by_name(struct attempt *attempt, const struct secret *secret, const char *key, const char *address)
{
    char who[MESSAGE_BYTES];

    /* A name may look like an account's id. */
    snprintf(who, sizeof who, "name %s", key);
    init(attempt, secret, who, address);
}

void attempt_by_address(struct attempt *attempt, const struct secret *secret, const char *address)
{
    init(attempt, secret, "", address);
    attempt->first = ATTEMPT_ADDRESS;
    attempt->end = ATTEMPT_ACCOUNT;
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

/* Asked for an unknown name as well, so that the answer's time tells nobody which names there are. */
static bool known_address(struct db *db, struct arena *arena, const struct attempt *attempt, bool *known,
                          struct err *err)
{
    char account[UUID_TEXT_BYTES];
    const char *const values[] = {attempt->known ? account : NULL, attempt->address};
    struct db_result row;

    uuid_format(&attempt->account, account);
    if (db_query(db, arena, STATEMENT_ATTEMPT_KNOWN_ADDRESS, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "no answer about the address");
    *known = db_flag(&row, 0, 0);
    return true;
}

/* nginx says "unix:" of a client on a unix socket. */
static bool is_ip(const char *address)
{
    return address[0] != '\0' && strncmp(address, "unix:", 5) != 0;
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
                  struct err *err)
{
    int64_t wait_s;
    bool known = false;

    if (!take(db, arena, config, attempt, &wait_s, err))
        return false;
    if (wait_s == 0)
        return true;
    /* Only one who is refused costs this question. */
    if (attempt->end == ATTEMPT_BUCKETS && is_ip(attempt->address) && !known_address(db, arena, attempt, &known, err))
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
