#include "store/attempt.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

/* The longest that is told apart: the key of a name, with an address, is no longer where one can be registered. */
enum { MESSAGE_BYTES = 512 };

/* Of a password that was tried. */
enum { PASSWORD_MAC_BYTES = 2 };

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
    *attempt = (struct attempt){.first = ATTEMPT_PAIR, .end = ATTEMPT_BUCKETS};
    attempt->from_address = address_key_text(address, attempt->address);
    bucket_key(secret, "attempt pair", who, attempt->address, attempt->keys[ATTEMPT_PAIR]);
    bucket_key(secret, "attempt address", "", attempt->address, attempt->keys[ATTEMPT_ADDRESS]);
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

void attempt_by_device(struct attempt *attempt, const struct secret *secret, const struct uuid *account,
                       const struct uuid *device)
{
    unsigned char message[2 * UUID_BYTES];

    *attempt = (struct attempt){.known = true, .account = *account, .first = ATTEMPT_PAIR, .end = ATTEMPT_ADDRESS};
    memcpy(message, account->bytes, UUID_BYTES);
    memcpy(message + UUID_BYTES, device->bytes, UUID_BYTES);
    secret_mac(secret, 0, "attempt device", message, sizeof message, attempt->keys[ATTEMPT_PAIR]);
}

void attempt_by_address(struct attempt *attempt, const struct secret *secret, const char *address)
{
    init(attempt, secret, "", address);
    attempt->first = ATTEMPT_ADDRESS;
    attempt->end = ATTEMPT_ACCOUNT;
}

void attempt_password(struct attempt *attempt, const struct secret *secret, const char *password)
{
    unsigned char message[ATTEMPT_KEY_BYTES + PASSWORD_MAC_BYTES], mac[SECRET_MAC_BYTES];

    secret_mac(secret, 0, "attempt password", password, strlen(password), mac);
    memcpy(message, attempt->keys[ATTEMPT_PAIR], ATTEMPT_KEY_BYTES);
    memcpy(message + ATTEMPT_KEY_BYTES, mac, PASSWORD_MAC_BYTES);
    secret_mac(secret, 0, "attempt again", message, sizeof message, attempt->again);
    attempt->has_password = true;
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

/* What stands for the attempt itself, as SQL takes it; *text is NULL without a password. */
static bool again_text(struct arena *arena, const struct attempt *attempt, const char **text, struct err *err)
{
    *text = attempt->has_password ? db_bytes(arena, attempt->again, ATTEMPT_KEY_BYTES) : NULL;
    return *text != NULL || !attempt->has_password || err_memory(err);
}

static bool take(struct db *db, struct arena *arena, const struct config *config, struct attempt *attempt,
                 int64_t *wait_s, struct err *err)
{
    const int64_t limits[ATTEMPT_BUCKETS] = {
        [ATTEMPT_PAIR] = config->login_failures_per_pair,
        [ATTEMPT_ADDRESS] = config->login_failures_per_address,
        [ATTEMPT_ACCOUNT] = config->login_failures_per_account,
    };
    const char *values[] = {keys_text(arena, attempt, attempt->first), NULL,
                            arena_printf(arena, "%lld", (long long)config->login_window_s), NULL};
    struct db_result row;
    struct buf text;

    buf_init(&text, arena, 128);
    for (size_t i = attempt->first; i < attempt->end; i++)
        if (!buf_printf(&text, "%c%lld", i == attempt->first ? '{' : ',', (long long)limits[i]))
            return err_memory(err);
    if (!buf_add_string(&text, "}") || values[0] == NULL || values[2] == NULL)
        return err_memory(err);
    values[1] = text.bytes;
    if (!again_text(arena, attempt, &values[3], err))
        return false;
    if (db_query(db, arena, STATEMENT_ATTEMPT_COUNT, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "attempt was not counted");
    *wait_s = db_number(&row, 0, 0);
    attempt->repeated = *wait_s < 0;
    return true;
}

bool attempt_take(struct db *db, struct arena *arena, const struct config *config, struct attempt *attempt,
                  struct err *err)
{
    int64_t wait_s;
    bool known = false;

    if (!take(db, arena, config, attempt, &wait_s, err))
        return false;
    if (wait_s <= 0)
        return true;
    /* Only one who is refused costs this question. */
    if (attempt->end == ATTEMPT_BUCKETS && attempt->from_address && !known_address(db, arena, attempt, &known, err))
        return false;
    if (known) {
        attempt->end = ATTEMPT_ACCOUNT;
        if (!take(db, arena, config, attempt, &wait_s, err))
            return false;
        if (wait_s <= 0)
            return true;
    }
    err_set(err, ERR_LIMIT, "too many attempts; try again in %lld seconds", (long long)wait_s);
    err->retry_after_s = wait_s;
    return false;
}

bool attempt_clear(struct db *db, struct arena *arena, const struct attempt *attempt, struct err *err)
{
    const char *values[] = {db_bytes(arena, attempt->keys[ATTEMPT_PAIR], ATTEMPT_KEY_BYTES),
                            attempt->repeated ? "{}" : keys_text(arena, attempt, ATTEMPT_ADDRESS), NULL};
    struct db_result ignored;

    if (values[0] == NULL || values[1] == NULL)
        return err_memory(err);
    return again_text(arena, attempt, &values[2], err) &&
           db_query(db, arena, STATEMENT_ATTEMPT_CLEAR, values, &ignored, err) != DB_FAIL;
}
