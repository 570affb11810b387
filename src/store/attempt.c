#include "store/attempt.h"

#include <stdio.h>
#include <string.h>

/* A name's key with an address. No name that can be registered has a longer key; longer ones may share a bucket. */
enum { MESSAGE_BYTES = 512 };

/* Bytes that are kept of the MAC of a password that was tried. */
enum { PASSWORD_MAC_BYTES = 2 };

static void bucket_key(struct attempt *attempt, const struct secret *secret, enum attempt_bucket bucket,
                       const char *purpose, const char *who, const char *address)
{
    char message[MESSAGE_BYTES];
    int length = snprintf(message, sizeof message, "%s\n%s", address, who);

    if (length >= MESSAGE_BYTES)
        length = MESSAGE_BYTES - 1;
    for (size_t i = 0; i < secret->count; i++)
        secret_mac(secret, i, purpose, message, (size_t)length, attempt->keys[i][bucket]);
}

static void init(struct attempt *attempt, const struct secret *secret, const char *who, const char *address)
{
    *attempt = (struct attempt){.secrets = secret->count, .first = ATTEMPT_PAIR, .end = ATTEMPT_BUCKETS};
    attempt->from_address = address_key_text(address, attempt->address);
    bucket_key(attempt, secret, ATTEMPT_PAIR, "attempt pair", who, attempt->address);
    bucket_key(attempt, secret, ATTEMPT_ADDRESS, "attempt address", "", attempt->address);
    bucket_key(attempt, secret, ATTEMPT_ACCOUNT, "attempt account", who, "");
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

    *attempt = (struct attempt){
        .known = true, .account = *account, .secrets = secret->count, .first = ATTEMPT_PAIR, .end = ATTEMPT_ADDRESS};
    memcpy(message, account->bytes, UUID_BYTES);
    memcpy(message + UUID_BYTES, device->bytes, UUID_BYTES);
    for (size_t i = 0; i < secret->count; i++)
        secret_mac(secret, i, "attempt device", message, sizeof message, attempt->keys[i][ATTEMPT_PAIR]);
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

    for (size_t i = 0; i < secret->count; i++) {
        secret_mac(secret, i, "attempt password", password, strlen(password), mac);
        memcpy(message, attempt->keys[i][ATTEMPT_PAIR], ATTEMPT_KEY_BYTES);
        memcpy(message + ATTEMPT_KEY_BYTES, mac, PASSWORD_MAC_BYTES);
        secret_mac(secret, i, "attempt again", message, sizeof message, attempt->again[i]);
    }
    attempt->has_password = true;
}

/* The keys of the buckets, by each key of the secret, the first key first; or a limit for each of them. */
struct keys {
    unsigned char keys[SECRET_KEYS_MAX * ATTEMPT_BUCKETS][ATTEMPT_KEY_BYTES];
    int64_t limits[SECRET_KEYS_MAX * ATTEMPT_BUCKETS];
    size_t count;
};

static struct db_keys list_of(const struct keys *keys)
{
    return (struct db_keys){keys->keys, keys->count, ATTEMPT_KEY_BYTES};
}

static void take_keys(struct keys *keys, const struct attempt *attempt, size_t first, size_t end)
{
    keys->count = 0;
    for (size_t i = 0; i < attempt->secrets; i++)
        for (size_t bucket = first; bucket < end; bucket++)
            memcpy(keys->keys[keys->count++], attempt->keys[i][bucket], ATTEMPT_KEY_BYTES);
}

/* The limit of each key of the attempt's buckets. */
static void take_limits(struct keys *keys, const struct attempt *attempt, const struct config *config)
{
    const int64_t limits[ATTEMPT_BUCKETS] = {
        [ATTEMPT_PAIR] = config->login_failures_per_pair,
        [ATTEMPT_ADDRESS] = config->login_failures_per_address,
        [ATTEMPT_ACCOUNT] = config->login_failures_per_account,
    };
    size_t buckets = attempt->end - attempt->first;

    for (size_t i = 0; i < keys->count; i++)
        keys->limits[i] = limits[attempt->first + i % buckets];
}

/* The keys by which the same password is recognised. None without a password. */
static struct db_keys again_of(const struct attempt *attempt)
{
    return (struct db_keys){attempt->again, attempt->has_password ? attempt->secrets : 0, ATTEMPT_KEY_BYTES};
}

/* The database is asked for an unknown name too, so that the time of the answer does not tell which names exist. */
static bool known_address(struct db *db, struct arena *arena, const struct attempt *attempt, bool *known,
                          struct err *err)
{
    const struct uuid *account = attempt->known ? &attempt->account : NULL;
    struct db_result row;

    if (!db_query_one(db, arena, sql_attempt_known_address(account, attempt->address), &row, err))
        return false;
    *known = db_flag(&row, 0, 0);
    return true;
}

static bool take(struct db *db, struct arena *arena, const struct config *config, struct attempt *attempt,
                 int64_t *wait_s, struct err *err)
{
    struct keys keys;
    struct db_result row;

    take_keys(&keys, attempt, attempt->first, attempt->end);
    take_limits(&keys, attempt, config);
    if (!db_query_one(db, arena,
                      sql_attempt_count(list_of(&keys), (struct db_numbers){keys.limits, keys.count},
                                        config->login_window_s, again_of(attempt)),
                      &row, err))
        return false;
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
    /* Asked only when the attempt is refused. */
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
    struct keys pair, others;
    struct db_result ignored;

    take_keys(&pair, attempt, ATTEMPT_PAIR, ATTEMPT_PAIR + 1);
    take_keys(&others, attempt, ATTEMPT_ADDRESS, attempt->repeated ? ATTEMPT_ADDRESS : attempt->end);
    return db_query(db, arena, sql_attempt_clear(list_of(&pair), list_of(&others), again_of(attempt)), &ignored, err) !=
           DB_FAIL;
}
