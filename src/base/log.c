#include "base/log.h"

#include "base/json_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A line stays within PIPE_BUF, so that lines of several workers never mix in one pipe. */
enum { LINE_BYTES = 4096, VALUE_BYTES = 768 };

struct line {
    char bytes[LINE_BYTES];
    size_t length;
};

static void add(struct line *line, const char *text)
{
    size_t length = strlen(text);

    /* Two bytes stay free for the closing brace and the line end. */
    if (line->length + length + 2 > sizeof line->bytes)
        return;
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
}

static void add_text(struct line *line, const char *name, const char *text)
{
    char member[VALUE_BYTES + 64];
    int start = snprintf(member, sizeof member, ",\"%s\":", name);

    json_text_quote(member + start, VALUE_BYTES, text);
    add(line, member);
}

static void add_number(struct line *line, const char *name, int64_t number)
{
    char member[96];

    snprintf(member, sizeof member, ",\"%s\":%lld", name, (long long)number);
    add(line, member);
}

static void add_trace(struct line *line, const struct trace *trace)
{
    add_text(line, "request_id", trace->request_id);
    add_text(line, "trace_id", trace->trace_id);
    add_text(line, "span_id", trace->span_id);
    if (trace->parent_id[0] != '\0')
        add_text(line, "parent_id", trace->parent_id);
}

static void add_time(struct line *line, int64_t now_ms)
{
    time_t seconds = now_ms / 1000;
    struct tm utc;
    char text[64];
    size_t length;

    gmtime_r(&seconds, &utc);
    length = strftime(text, sizeof text, "{\"time\":\"%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + length, sizeof text - length, ".%03dZ\"", (int)(now_ms % 1000));
    add(line, text);
}

void log_event(const struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    struct line line = {.length = 0};

    if (level > log->level)
        return;
    add_time(&line, log->clock->now_ms());
    add_text(&line, "level", levels[level]);
    add_text(&line, "event", event);
    if (log->worker != NULL)
        add_text(&line, "worker", log->worker);
    if (log->trace != NULL)
        add_trace(&line, log->trace);
    for (size_t i = 0; i < count; i++)
        if (fields[i].text != NULL)
            add_text(&line, fields[i].name, fields[i].text);
        else
            add_number(&line, fields[i].name, fields[i].number);
    memcpy(line.bytes + line.length, "}\n", 2);
    /* Nowhere to complain when the log itself can't be written. */
    if (write(STDERR_FILENO, line.bytes, line.length + 2) < 0)
        return;
}

void log_error(const struct log *log, enum log_level level, const char *event, const struct err *err)
{
    char place[128];

    snprintf(place, sizeof place, "%s:%d", err->file != NULL ? err->file : "?", err->line);
    LOG_EVENT(log, level, event, LOG_TEXT("error", err_word(err->kind)), LOG_TEXT("detail", err->detail),
              LOG_TEXT("at", place));
}
