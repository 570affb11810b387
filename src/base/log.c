#include "base/log.h"

#include "base/decimal.h"
#include "base/json_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { VALUE_BYTES = 768 };

/* Two bytes stay free for the closing brace and the line end. */
static size_t room(const struct log_lines *line)
{
    return sizeof line->bytes - 2 - line->length;
}

static void add(struct log_lines *line, const char *text, size_t length)
{
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
}

/* Returns false when there is no room for the member's name and a value of least_bytes. */
static bool begin_member(struct log_lines *line, const char *name, size_t least_bytes)
{
    size_t length = strlen(name);

    if (room(line) < length + sizeof ",\"\":" - 1 + least_bytes)
        return false;
    add(line, ",\"", 2);
    add(line, name, length);
    add(line, "\":", 2);
    return true;
}

static void add_text(struct log_lines *line, const char *name, const char *text)
{
    /* Two quotes and a NUL, the least that json_text_quote needs. */
    if (begin_member(line, name, 3))
        line->length +=
            json_text_quote(line->bytes + line->length, room(line) < VALUE_BYTES ? room(line) : VALUE_BYTES, text);
}

static void add_number(struct log_lines *line, const char *name, int64_t number)
{
    char text[DECIMAL_BYTES];
    size_t length = decimal_format(number, text);

    if (begin_member(line, name, length))
        add(line, text, length);
}

static void add_trace(struct log_lines *line, const struct trace *trace)
{
    add_text(line, "request_id", trace->request_id);
    add_text(line, "trace_id", trace->trace_id);
    add_text(line, "span_id", trace->span_id);
    if (trace->parent_id[0] != '\0')
        add_text(line, "parent_id", trace->parent_id);
}

static void add_time(struct log_lines *line, int64_t now_ms)
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

static void write_lines(struct log_lines *lines)
{
    size_t length = lines->length;

    lines->length = 0;
    /* When the log itself can't be written there is no place to report that. */
    if (length > 0 && write(STDERR_FILENO, lines->bytes, length) < 0)
        return;
}

void log_gather(struct log *log, struct log_lines *lines)
{
    lines->length = 0;
    log->lines = lines;
}

void log_flush(struct log *log)
{
    write_lines(log->lines);
    log->lines = NULL;
}

/* line has room for two more bytes. */
static void end_line(const struct log *log, enum log_level level, struct log_lines *line)
{
    memcpy(line->bytes + line->length, "}\n", 2);
    line->length += 2;
    if (log->lines == NULL) {
        write_lines(line);
        return;
    }
    if (log->lines->length + line->length > sizeof line->bytes)
        write_lines(log->lines);
    memcpy(log->lines->bytes + log->lines->length, line->bytes, line->length);
    log->lines->length += line->length;
    if (level < LOG_INFO)
        write_lines(log->lines);
}

void log_event(const struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    struct log_lines line;

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
    end_line(log, level, &line);
}

void log_error(const struct log *log, enum log_level level, const char *event, const struct err *err)
{
    char place[128];

    snprintf(place, sizeof place, "%s:%d", err->file != NULL ? err->file : "?", err->line);
    LOG_EVENT(log, level, event, LOG_TEXT("error", err_word(err->kind)), LOG_TEXT("detail", err->detail),
              LOG_TEXT("at", place));
}
