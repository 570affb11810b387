#include "object/sigv4.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PAIRS_MAX = 24,            /* mayfly's largest request has 14 */
    CANONICAL_MAX = 64 * 1024, /* a key, a token in the query and one in a header, each encoded */
    DAY_LENGTH = 8,            /* of "20130524" in a date */
};

static const char algorithm[] = "AWS4-HMAC-SHA256", terminator[] = "aws4_request";

void sigv4_date(int64_t now_ms, char date[SIGV4_DATE_BYTES])
{
    time_t seconds = now_ms / 1000;
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(date, SIGV4_DATE_BYTES, "%Y%m%dT%H%M%SZ", &utc);
}

static bool unreserved(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

const char *sigv4_encode(struct arena *arena, const char *text, char keep)
{
    static const char digits[] = "0123456789ABCDEF";
    char *encoded = arena_alloc(arena, 3 * strlen(text) + 1);
    char *out = encoded;

    if (encoded == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (unreserved(*text) || *text == keep) {
            *out++ = *text;
            continue;
        }
        *out++ = '%';
        *out++ = digits[byte >> 4];
        *out++ = digits[byte & 15];
    }
    *out = '\0';
    return encoded;
}

static int by_name_and_value(const void *a, const void *b)
{
    const struct sigv4_pair *left = a, *right = b;
    int names = strcmp(left->name, right->name);

    return names != 0 ? names : strcmp(left->value, right->value);
}

/* Writes name=value&…, in the order of the encoded names, for the canonical request and for the URL. */
static const char *query_text(struct arena *arena, const struct sigv4_pair *pairs, size_t count)
{
    struct sigv4_pair encoded[PAIRS_MAX];
    struct buf text;

    buf_init(&text, arena, CANONICAL_MAX);
    for (size_t i = 0; i < count; i++) {
        encoded[i].name = sigv4_encode(arena, pairs[i].name, '\0');
        encoded[i].value = sigv4_encode(arena, pairs[i].value, '\0');
        if (encoded[i].name == NULL || encoded[i].value == NULL)
            return NULL;
    }
    qsort(encoded, count, sizeof encoded[0], by_name_and_value);
    for (size_t i = 0; i < count; i++)
        if (!buf_printf(&text, "%s%s=%s", i > 0 ? "&" : "", encoded[i].name, encoded[i].value))
            return NULL;
    return text.bytes;
}

/* Adds the value of a header without white space around it, and with single spaces within. */
static bool add_trimmed(struct buf *text, const char *value)
{
    bool first = true;

    for (value += strspn(value, " \t"); *value != '\0'; value += strspn(value, " \t"), first = false) {
        size_t length = strcspn(value, " \t");

        if ((!first && !buf_add_string(text, " ")) || !buf_add(text, value, length))
            return false;
        value += length;
    }
    return true;
}

/* Writes the headers for the canonical request, then their names alone. */
static bool header_texts(struct arena *arena, const struct sigv4_request *request, struct buf *lines, struct buf *names)
{
    struct sigv4_pair sorted[PAIRS_MAX];

    buf_init(lines, arena, CANONICAL_MAX);
    buf_init(names, arena, CANONICAL_MAX);
    memcpy(sorted, request->headers, request->header_count * sizeof sorted[0]);
    qsort(sorted, request->header_count, sizeof sorted[0], by_name_and_value);
    for (size_t i = 0; i < request->header_count; i++)
        if (!buf_printf(lines, "%s:", sorted[i].name) || !add_trimmed(lines, sorted[i].value) ||
            !buf_add_string(lines, "\n") || !buf_printf(names, "%s%s", i > 0 ? ";" : "", sorted[i].name))
            return false;
    return true;
}

static bool canonical_text(struct arena *arena, const struct sigv4_request *request, const char *lines,
                           const char *names, struct sigv4_signed *result)
{
    result->path = sigv4_encode(arena, request->path, '/');
    if (result->path == NULL)
        return false;
    result->canonical = arena_printf(arena, "%s\n%s\n%s\n%s\n%s\n%s", request->method, result->path, result->query,
                                     lines, names, request->payload);
    return result->canonical != NULL;
}

/* Derives the key of a day, region and service (kSigning) and signs the canonical request with it. */
static bool sign(struct arena *arena, const struct sigv4_signer *signer, const char *scope, struct sigv4_signed *result)
{
    char first[ACCESS_KEY_SECRET_MAX + sizeof "AWS4"];
    size_t first_length = strlen("AWS4") + strlen(signer->key->secret);
    unsigned char key[SHA256_BYTES], digest[SHA256_BYTES];
    char hex[SHA256_HEX_BYTES];
    const char *text;

    sha256_of(result->canonical, strlen(result->canonical), digest);
    sha256_hex(digest, hex);
    text = arena_printf(arena, "%s\n%s\n%s\n%s", algorithm, result->date, scope, hex);
    if (text == NULL)
        return false;
    memcpy(first, "AWS4", 4);
    strcpy(first + 4, signer->key->secret);
    sha256_hmac(first, first_length, result->date, DAY_LENGTH, key);
    sha256_hmac(key, sizeof key, signer->region, strlen(signer->region), key);
    sha256_hmac(key, sizeof key, signer->service, strlen(signer->service), key);
    sha256_hmac(key, sizeof key, terminator, strlen(terminator), key);
    sha256_hmac(key, sizeof key, text, strlen(text), digest);
    explicit_bzero(first, sizeof first);
    explicit_bzero(key, sizeof key);
    sha256_hex(digest, result->signature);
    return true;
}

static const char *scope_text(struct arena *arena, const struct sigv4_signer *signer, const char *date)
{
    return arena_printf(arena, "%.*s/%s/%s/%s", DAY_LENGTH, date, signer->region, signer->service, terminator);
}

/* Checks that there is room for the parameters that presigning adds. */
static bool fits(const struct sigv4_request *request, struct err *err)
{
    enum { ADDED = 6 };

    if (request->query_count > PAIRS_MAX - ADDED || request->header_count > PAIRS_MAX)
        return err_set(err, ERR_BUG, "a request of %zu parameters and %zu headers", request->query_count,
                       request->header_count);
    return true;
}

bool sigv4_sign(struct arena *arena, const struct sigv4_signer *signer, const struct sigv4_request *request,
                struct sigv4_signed *result, struct err *err)
{
    struct buf lines, names;
    const char *scope;

    *result = (struct sigv4_signed){.path = NULL};
    if (!fits(request, err))
        return false;
    sigv4_date(signer->now_ms, result->date);
    scope = scope_text(arena, signer, result->date);
    result->query = query_text(arena, request->query, request->query_count);
    if (scope == NULL || result->query == NULL || !header_texts(arena, request, &lines, &names) ||
        !canonical_text(arena, request, lines.bytes, names.bytes, result) || !sign(arena, signer, scope, result))
        return err_memory(err);
    result->authorization = arena_printf(arena, "%s Credential=%s/%s, SignedHeaders=%s, Signature=%s", algorithm,
                                         signer->key->id, scope, names.bytes, result->signature);
    return result->authorization != NULL || err_memory(err);
}

bool sigv4_presign(struct arena *arena, const struct sigv4_signer *signer, const struct sigv4_request *request,
                   int64_t seconds, struct sigv4_signed *result, struct err *err)
{
    struct sigv4_pair query[PAIRS_MAX];
    size_t count = request->query_count;
    struct buf lines, names;
    const char *scope, *credential, *life;

    *result = (struct sigv4_signed){.path = NULL};
    if (!fits(request, err))
        return false;
    if (seconds < 1 || seconds > SIGV4_SECONDS_MAX)
        return err_set(err, ERR_BUG, "a URL can't be signed for %lld s", (long long)seconds);
    sigv4_date(signer->now_ms, result->date);
    scope = scope_text(arena, signer, result->date);
    credential = scope == NULL ? NULL : arena_printf(arena, "%s/%s", signer->key->id, scope);
    life = arena_printf(arena, "%lld", (long long)seconds);
    if (credential == NULL || life == NULL || !header_texts(arena, request, &lines, &names))
        return err_memory(err);
    if (count > 0)
        memcpy(query, request->query, count * sizeof query[0]);
    query[count++] = (struct sigv4_pair){"X-Amz-Algorithm", algorithm};
    query[count++] = (struct sigv4_pair){"X-Amz-Credential", credential};
    query[count++] = (struct sigv4_pair){"X-Amz-Date", result->date};
    query[count++] = (struct sigv4_pair){"X-Amz-Expires", life};
    query[count++] = (struct sigv4_pair){"X-Amz-SignedHeaders", names.bytes};
    if (signer->key->token[0] != '\0')
        query[count++] = (struct sigv4_pair){"X-Amz-Security-Token", signer->key->token};
    result->query = query_text(arena, query, count);
    if (result->query == NULL || !canonical_text(arena, request, lines.bytes, names.bytes, result) ||
        !sign(arena, signer, scope, result))
        return err_memory(err);
    result->query = arena_printf(arena, "%s&X-Amz-Signature=%s", result->query, result->signature);
    return result->query != NULL || err_memory(err);
}
