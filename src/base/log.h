/*
 * Writes one JSON line for each event to stderr, with one write(2), or several lines together (log_gather). Callers
 * never pass a token, password, cookie or query string.
 */
#ifndef MAYFLY_BASE_LOG_H
#define MAYFLY_BASE_LOG_H

#include "base/clock.h"
#include "base/err.h"
#include "base/trace.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* One member of a line: text, or a number when text is NULL. */
struct log_field {
    const char *name;
    const char *text;
    int64_t number;
};

/* PIPE_BUF: what is written at once is not mixed with the lines of other workers in the same pipe. */
enum { LOG_LINES_BYTES = 4096 };

/* Lines that are not written yet. */
struct log_lines {
    char bytes[LOG_LINES_BYTES];
    size_t length;
};

struct log {
    const struct clock *clock;
    enum log_level level;
    const char *worker;        /* "pool/pid"; borrowed for the life of the log */
    const struct trace *trace; /* of the request being served, or NULL; borrowed */
    struct log_lines *lines;   /* while they are gathered, else NULL; borrowed */
};

/*
 * From now until log_flush lines are kept, as many as there is room for, and written together: a batch of requests
 * takes one call instead of one for each. What is worse than LOG_INFO is written at once, behind those that are kept.
 */
void log_gather(struct log *, struct log_lines *);
void log_flush(struct log *);

/* Writes a line when level is at or above the log's; event is a constant in snake_case. */
void log_event(const struct log *, enum log_level, const char *event, const struct log_field *fields, size_t count);

/* The same for an error: its word, its detail and the place where it was set. */
void log_error(const struct log *, enum log_level, const char *event, const struct err *);

#define LOG_TEXT(name_, text_) ((struct log_field){.name = (name_), .text = (text_) != NULL ? (text_) : ""})
#define LOG_NUMBER(name_, number_) ((struct log_field){.name = (name_), .number = (number_)})
#define LOG_EVENT(log, level, event, ...)                                                                              \
    log_event(log, level, event, (const struct log_field[]){__VA_ARGS__},                                              \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#endif
