/*
 * Tokens of sessions, "mfs_" + base64url(16-byte id + 32 random bytes); of keys, "mfk_" + the same, an account's
 * (store/key.h) or a site's own (store/site_key.h); of invitations, "mfi_" + the same. The database and the cache keep
 * the id and a BLAKE2b hash of the secret. 256 random bits need neither a key nor stretching, and nobody can log in
 * with a dump of either.
 */
#ifndef MAYFLY_BASE_TOKEN_H
#define MAYFLY_BASE_TOKEN_H

#include "base/uuid.h"

enum {
    TOKEN_SECRET_BYTES = 32,
    TOKEN_HASH_BYTES = 32,
    TOKEN_TEXT_BYTES = 4 + 64 + 1, /* prefix, 48 bytes in base64url, NUL */
};

struct token {
    struct uuid id;
    unsigned char hash[TOKEN_HASH_BYTES];
};

/* A new token: its public half in *token, the text for the client in text. The caller wipes text after sending it. */
void token_new(const struct clock *, struct token *token, char text[TOKEN_TEXT_BYTES]);
void token_new_key(const struct clock *, struct token *token, char text[TOKEN_TEXT_BYTES]);
void token_new_invitation(const struct clock *, struct token *token, char text[TOKEN_TEXT_BYTES]);

/*
 * Reads exactly one token of length characters; false for anything else, which a token of another kind is too. Constant
 * work for well-formed text.
 */
bool token_parse(const char *text, size_t length, struct token *token);
bool token_parse_key(const char *text, size_t length, struct token *token);
bool token_parse_invitation(const char *text, size_t length, struct token *token);

/* Whether a text begins as a key does, well-formed or not. */
bool token_is_key(const char *text, size_t length);

/* Constant-time comparison of the secret halves' hashes. */
bool token_hash_equal(const unsigned char a[TOKEN_HASH_BYTES], const unsigned char b[TOKEN_HASH_BYTES]);

#endif
