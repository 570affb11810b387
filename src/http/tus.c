#include "http/tus.h"

#include "base/decimal.h"

#include "base/base64.h"
#include "base/utf8.h"

#include <string.h>

bool tus_version(const char *text)
{
    return strcmp(text, TUS_VERSION) == 0;
}

bool tus_offset(const char *text, int64_t *offset, struct err *err)
{
    if (!decimal_parse(text, 0, INT64_MAX, offset))
        return err_field(err, ERR_INPUT, "Upload-Offset", "Upload-Offset must be a number of bytes");
    return true;
}

bool tus_length(const char *length_text, const char *defer_text, int64_t *length, struct err *err)
{
    *length = TUS_DEFERRED;
    if (defer_text[0] != '\0') {
        if (strcmp(defer_text, "1") != 0)
            return err_field(err, ERR_INPUT, "Upload-Defer-Length", "Upload-Defer-Length can only be 1");
        if (length_text[0] != '\0')
            return err_field(err, ERR_INPUT, "Upload-Length", "Upload-Length is given and deferred at once");
        return true;
    }
    if (length_text[0] == '\0')
        return err_field(err, ERR_INPUT, "Upload-Length", "Upload-Length or Upload-Defer-Length must be given");
    if (!decimal_parse(length_text, 0, INT64_MAX, length))
        return err_field(err, ERR_INPUT, "Upload-Length", "Upload-Length must be a number of bytes");
    return true;
}

/* One `key value` in place; at counts from 1, for messages. */
static bool read_pair(char *text, size_t at, struct tus_metadata *metadata, struct err *err)
{
    struct tus_pair *pair = &metadata->pairs[metadata->count];
    char *value, *key = text + strspn(text, " \t");
    size_t key_length = strcspn(key, " \t"), value_length;

    if (key_length == 0)
        return err_field(err, ERR_INPUT, "Upload-Metadata", "Upload-Metadata: pair %zu has no key", at);
    if (utf8_check(key, key_length) != key_length || utf8_has_control(key, key_length))
        return err_field(err, ERR_INPUT, "Upload-Metadata", "Upload-Metadata: the key of pair %zu is not text", at);
    value = key + key_length + strspn(key + key_length, " \t");
    value_length = strcspn(value, " \t");
    if (value[value_length + strspn(value + value_length, " \t")] != '\0' ||
        !base64_decode(value, value_length, value, value_length, &pair->length))
        return err_field(err, ERR_INPUT, "Upload-Metadata", "Upload-Metadata: the value of pair %zu is not base64", at);
    key[key_length] = '\0';
    if (tus_metadata_find(metadata, key) != NULL)
        return err_field(err, ERR_INPUT, "Upload-Metadata", "Upload-Metadata: the key of pair %zu was there before",
                         at);
    /* A value without any length stands where the key ends. */
    value[pair->length] = '\0';
    pair->key = key;
    pair->value = value;
    metadata->count++;
    return true;
}

bool tus_metadata_read(struct arena *arena, const char *text, struct tus_metadata *metadata, struct err *err)
{
    char *copy, *next;

    metadata->count = 0;
    if (strlen(text) > TUS_METADATA_BYTES)
        return err_field(err, ERR_INPUT, "Upload-Metadata", "Upload-Metadata has more than %d bytes",
                         TUS_METADATA_BYTES);
    copy = arena_strdup(arena, text);
    if (copy == NULL)
        return err_memory(err);
    for (; copy != NULL; copy = next) {
        next = strchr(copy, ',');
        if (next != NULL)
            *next++ = '\0';
        /*
         * A list's empty elements count for nothing (RFC 9110, section 5.6.1.2): clients write a comma behind each
         * pair.
         */
        if (copy[strspn(copy, " \t")] == '\0')
            continue;
        if (metadata->count == TUS_METADATA_PAIRS)
            return err_field(err, ERR_INPUT, "Upload-Metadata", "Upload-Metadata has more than %d pairs",
                             TUS_METADATA_PAIRS);
        if (!read_pair(copy, metadata->count + 1, metadata, err))
            return false;
    }
    return true;
}

const struct tus_pair *tus_metadata_find(const struct tus_metadata *metadata, const char *key)
{
    for (size_t i = 0; i < metadata->count; i++)
        if (strcmp(metadata->pairs[i].key, key) == 0)
            return &metadata->pairs[i];
    return NULL;
}

const struct tus_pair *tus_metadata_name(const struct tus_metadata *metadata)
{
    const struct tus_pair *pair = tus_metadata_find(metadata, "filename");

    return pair != NULL ? pair : tus_metadata_find(metadata, "name");
}

const struct tus_pair *tus_metadata_type(const struct tus_metadata *metadata)
{
    const struct tus_pair *pair = tus_metadata_find(metadata, "filetype");

    return pair != NULL ? pair : tus_metadata_find(metadata, "type");
}

bool tus_checksum_read(const char *text, struct tus_checksum *checksum, struct err *err)
{
    static const struct {
        const char *name;
        enum tus_algorithm algorithm;
        size_t length;
    } algorithms[] = {{"sha1", TUS_SHA1, 20}, {"sha256", TUS_SHA256, 32}};
    size_t name_length = strcspn(text, " ");
    const char *base64 = text + name_length + strspn(text + name_length, " ");

    *checksum = (struct tus_checksum){.algorithm = TUS_NO_CHECKSUM};
    if (text[0] == '\0')
        return true;
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        if (strlen(algorithms[i].name) != name_length || memcmp(text, algorithms[i].name, name_length) != 0)
            continue;
        if (!base64_decode(base64, strlen(base64), checksum->digest, sizeof checksum->digest, &checksum->length) ||
            checksum->length != algorithms[i].length)
            return err_field(err, ERR_INPUT, "Upload-Checksum", "Upload-Checksum: not %zu bytes in base64",
                             algorithms[i].length);
        checksum->algorithm = algorithms[i].algorithm;
        return true;
    }
    return err_field(err, ERR_INPUT, "Upload-Checksum", "Upload-Checksum: use one of " TUS_CHECKSUM_ALGORITHMS);
}

/* The id at the end of a URL of length characters. */
static bool read_url(const char *url, size_t length, struct uuid *id)
{
    static const char folder[] = "/uploads/";
    const size_t tail = sizeof folder - 1 + UUID_TEXT_BYTES - 1;
    char text[UUID_TEXT_BYTES];

    if (length < tail || memcmp(url + length - tail, folder, sizeof folder - 1) != 0)
        return false;
    memcpy(text, url + length - (UUID_TEXT_BYTES - 1), UUID_TEXT_BYTES - 1);
    text[UUID_TEXT_BYTES - 1] = '\0';
    return uuid_parse(text, id);
}

static bool is_listed(const struct tus_concat *concat, const struct uuid *id)
{
    for (size_t i = 0; i < concat->count; i++)
        if (uuid_equal(&concat->parts[i], id))
            return true;
    return false;
}

/* Visible ASCII and spaces: what a list of URLs is made of. */
static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

bool tus_concat_read(const char *text, struct tus_concat *concat, struct err *err)
{
    static const char final[] = "final;";

    concat->kind = TUS_WHOLE;
    concat->count = 0;
    if (text[0] == '\0')
        return true;
    if (strcmp(text, "partial") == 0) {
        concat->kind = TUS_PARTIAL;
        return true;
    }
    if (strncmp(text, final, sizeof final - 1) != 0)
        return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat must be `partial` or `final;` and URLs");
    if (strlen(text) > TUS_CONCAT_BYTES)
        return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat has more than %d bytes", TUS_CONCAT_BYTES);
    if (!is_printable(text))
        return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat: visible ASCII characters and spaces only");
    text += sizeof final - 1;
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        struct uuid *id = &concat->parts[concat->count];

        if (concat->count == TUS_CONCAT_MAX)
            return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat has more than %d parts", TUS_CONCAT_MAX);
        if (!read_url(text, length, id))
            return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat: part %zu is not the URL of an upload",
                             concat->count + 1);
        if (is_listed(concat, id))
            return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat: part %zu is named twice",
                             concat->count + 1);
        concat->count++;
        text += length;
    }
    if (concat->count == 0)
        return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat: `final;` needs the URLs of its parts");
    concat->kind = TUS_FINAL;
    return true;
}
