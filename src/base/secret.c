#include "base/secret.h"
#include "base/lines.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};

static bool take_line(void *arg, char *line, int number, struct err *err)
{
    struct secret *secret = arg;

    (void)number;
    line += strspn(line, " \t");
    line[strcspn(line, " \t#")] = '\0';
    if (line[0] == '\0')
        return true;
    if (secret->count == SECRET_KEYS_MAX)
        return err_set(err, ERR_INPUT, "more than %d keys; remove the oldest", SECRET_KEYS_MAX);
    if (!bytes_from_hex(line, strlen(line), secret->keys[secret->count], SECRET_KEY_BYTES))
        return err_set(err, ERR_INPUT, "not 64 hexadecimal digits; make a key with `openssl rand -hex 32`");
    secret->count++;
    return true;
}

bool secret_load(struct secret *secret, const char *path, struct err *err)
{
    FILE *file = fopen(path, "re");

    *secret = (struct secret){.count = 0};
    if (file == NULL && errno == EACCES)
        return err_set(err, ERR_INPUT, "%s: %s; let the workers' user, and nobody else, read it (chown, chmod)", path,
                       strerror(errno));
    if (file == NULL)
        return err_set(err, ERR_INPUT, "%s: %s; make it with `openssl rand -hex 32`, readable by the workers only",
                       path, strerror(errno));
    return lines_read(file, path, SECRET_LINE_BYTES, take_line, secret, err) &&
           (secret->count > 0 ||
            err_set(err, ERR_INPUT, "%s: holds no key; make one with `openssl rand -hex 32`", path));
}

void secret_mac(const struct secret *secret, size_t key, const char *purpose, const void *message, size_t length,
                unsigned char mac[SECRET_MAC_BYTES])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, secret->keys[key], SECRET_KEY_BYTES, SECRET_MAC_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose) + 1);
    crypto_generichash_update(&state, message, length);
    crypto_generichash_final(&state, mac, SECRET_MAC_BYTES);
}

void secret_name(const struct secret *secret, size_t key, char name[SECRET_NAME_BYTES])
{
    unsigned char mac[SECRET_MAC_BYTES];

    secret_mac(secret, key, "name", "", 0, mac);
    bytes_to_hex(mac, (SECRET_NAME_BYTES - 1) / 2, name);
}

void secret_derive(const struct secret *secret, size_t key, const char *purpose,
                   unsigned char derived[SECRET_KEY_BYTES])
{
    _Static_assert((int)SECRET_KEY_BYTES == (int)SECRET_MAC_BYTES, "a MAC is a key");
    secret_mac(secret, key, purpose, "", 0, derived);
}

void secret_tag(const unsigned char derived[SECRET_KEY_BYTES], const struct secret_part *parts, size_t count,
                unsigned char tag[SECRET_TAG_BYTES])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, derived, SECRET_KEY_BYTES, SECRET_TAG_BYTES);
    for (size_t i = 0; i < count; i++)
        crypto_generichash_update(&state, parts[i].bytes, parts[i].length);
    crypto_generichash_final(&state, tag, SECRET_TAG_BYTES);
}

bool secret_seal(const struct secret *secret, struct arena *arena, const void *context, size_t context_length,
                 const void *text, size_t length, unsigned char **sealedp, size_t *sealed_lengthp, struct err *err)
{
    unsigned char key[SECRET_MAC_BYTES];
    unsigned char *sealed = arena_alloc(arena, NONCE_BYTES + length + TAG_BYTES);
    unsigned long long written;

    *sealedp = NULL;
    *sealed_lengthp = 0;
    if (sealed == NULL)
        return err_memory(err);
    secret_mac(secret, 0, "seal", context, context_length, key);
    random_bytes(sealed, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_BYTES, &written, text, length, NULL, 0, NULL, sealed,
                                               key);
    bytes_wipe(key, sizeof key);
    *sealedp = sealed;
    *sealed_lengthp = NONCE_BYTES + (size_t)written;
    return true;
}

bool secret_open(const struct secret *secret, struct arena *arena, const void *context, size_t context_length,
                 const unsigned char *sealed, size_t sealed_length, char **textp, size_t *lengthp, struct err *err)
{
    unsigned char key[SECRET_MAC_BYTES];
    unsigned long long written;
    char *text;
    int rc = -1;

    *textp = NULL;
    *lengthp = 0;
    if (sealed_length < NONCE_BYTES + TAG_BYTES)
        return err_set(err, ERR_BUG, "sealed text of %zu bytes is too short", sealed_length);
    text = arena_alloc(arena, sealed_length);
    if (text == NULL)
        return err_memory(err);
    for (size_t i = 0; rc != 0 && i < secret->count; i++) {
        secret_mac(secret, i, "seal", context, context_length, key);
        rc = crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)text, &written, NULL, sealed + NONCE_BYTES,
                                                        sealed_length - NONCE_BYTES, NULL, 0, sealed, key);
    }
    bytes_wipe(key, sizeof key);
    if (rc != 0)
        return err_set(err, ERR_BUG, "sealed text does not open: was the secret file replaced instead of extended?");
    text[written] = '\0';
    *textp = text;
    *lengthp = (size_t)written;
    return true;
}
