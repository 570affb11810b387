#include "base/trace.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 00-TRACE-PARENT-FLAGS: where its parts begin. */
enum { TRACE_AT = 3, PARENT_AT = 36, FLAGS_AT = 53, TRACEPARENT_LENGTH = 55 };

static const char lower_hex[] = "0123456789abcdef";

/* Exactly this many lower-case digits. */
static bool is_hex(const char *text, size_t length)
{
    return strspn(text, lower_hex) == length;
}

/* As is_hex, but all zeroes are invalid. */
static bool is_id(const char *text, size_t length)
{
    return is_hex(text, length) && strspn(text, "0") != length;
}

/* A later version than 00 may have more after a dash; ff is not a version. */
static bool is_traceparent(const char *text)
{
    const char *end;

    if (strlen(text) < TRACEPARENT_LENGTH)
        return false;
    end = text + TRACEPARENT_LENGTH;
    return is_hex(text, TRACE_AT - 1) && text[TRACE_AT - 1] == '-' && memcmp(text, "ff", 2) != 0 &&
           is_id(text + TRACE_AT, TRACE_ID_BYTES - 1) && text[PARENT_AT - 1] == '-' &&
           is_id(text + PARENT_AT, TRACE_SPAN_BYTES - 1) && text[FLAGS_AT - 1] == '-' && is_hex(text + FLAGS_AT, 2) &&
           (*end == '\0' || (*end == '-' && memcmp(text, "00", 2) != 0));
}

static void by_chance(char *text, size_t text_bytes)
{
    unsigned char bytes[TRACE_ID_BYTES / 2];

    random_bytes(bytes, text_bytes / 2);
    bytes_to_hex(bytes, text_bytes / 2, text);
}

/* FNV-1a. */
static uint64_t hash(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/*
 * nginx has made a random id for the request, and each attempt runs in another worker. A hash of both is as random, and
 * costs no system call.
 */
static void make_span(struct trace *trace, const char *worker)
{
    uint64_t id = hash(hash(UINT64_C(0xcbf29ce484222325), trace->request_id), worker);
    unsigned char bytes[TRACE_SPAN_BYTES / 2];

    id = id != 0 ? id : 1; /* all zeroes are invalid */
    memcpy(bytes, &id, sizeof bytes);
    bytes_to_hex(bytes, sizeof bytes, trace->span_id);
}

void trace_begin(struct trace *trace, const char *worker, const char *traceparent, const char *request_id)
{
    size_t length = strnlen(request_id, sizeof trace->request_id - 1);

    *trace = (struct trace){.parent_id = ""};
    memcpy(trace->request_id, request_id, length);
    if (length > 0)
        make_span(trace, worker);
    else
        by_chance(trace->span_id, sizeof trace->span_id);
    if (is_traceparent(traceparent)) {
        memcpy(trace->trace_id, traceparent + TRACE_AT, sizeof trace->trace_id - 1);
        memcpy(trace->parent_id, traceparent + PARENT_AT, sizeof trace->parent_id - 1);
    } else if (length == sizeof trace->trace_id - 1 && is_id(request_id, length)) {
        memcpy(trace->trace_id, request_id, length);
    } else {
        by_chance(trace->trace_id, sizeof trace->trace_id);
    }
}
