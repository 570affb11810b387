#include "base/log.h"

#include "base/decimal.h"
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

/* Two bytes stay free for the closing brace and the line end. */
static size_t room(const struct line *line)
{
    return sizeof line->bytes - 2 - line->length;
}

static void add(struct line *line, const char *text, size_t length)
{
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
}

/* Returns false when there is no room for the member's name and a value of least_bytes. */
static bool begin_member(struct line *line, const char *name, size_t least_bytes)
{
    size_t length = strlen(name);

    if (room(line) < length + sizeof ",\"\":" - 1 + least_bytes)
        return false;
    add(line, ",\"", 2);
    add(line, name, length);
    add(line, "\":", 2);
    return true;
}

static void add_text(struct line *line, const char *name, const char *text)
{
    /* Two quotes and a NUL, the least that json_text_quote needs. */
    if (begin_member(line, name, 3))
        line->length +=
            json_text_quote(line->bytes + line->length, room(line) < VALUE_BYTES ? room(line) : VALUE_BYTES, text);
}

static void add_number(struct line *line, const char *name, int64_t number)
{
    char text[DECIMAL_BYTES];
    size_t length = decimal_format(number, text);

    if (begin_member(line, name, length))
        add(line, text, length);
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
    static const char pattern[] = "{\"time\":\"YYYY-MM-DDThh:mm:ss.mmmZ\"";
    time_t seconds = now_ms / 1000;
    struct tm utc;
    char *text = line->bytes + line->length;

    gmtime_r(&seconds, &utc);
    add(line, pattern, sizeof pattern - 1);
    decimal_pad((unsigned)(utc.tm_year + 1900), 4, text + 9);
    decimal_pad((unsigned)(utc.tm_mon + 1), 2, text + 14);
    decimal_pad((unsigned)utc.tm_mday, 2, text + 17);
    decimal_pad((unsigned)utc.tm_hour, 2, text + 20);
    decimal_pad((unsigned)utc.tm_min, 2, text + 23);
    decimal_pad((unsigned)utc.tm_sec, 2, text + 26);
    decimal_pad((unsigned)(now_ms % 1000), 3, text + 29);
}

void log_event(const struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    struct line line;

    if (level > log->level)
        return;
    line.length = 0; /* and not all of it, for each line */
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
    /* When the log itself can't be written there is no place to report that. */
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
