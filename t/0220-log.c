/* A line of the log: what it looks like to the byte, and that it stays one line that a pipe takes whole. */
#include "base/log.h"

#include "unit.h"

#include <limits.h>
#include <unistd.h>

static int64_t some_time(void)
{
    return 1767225845007; /* 2026-01-01T00:04:05.007Z */
}

static const struct clock stopped = {.now_ms = some_time};

/* What is logged between capture and captured, instead of going to standard error. */
static int pipe_fds[2], real_stderr;

static void capture(void)
{
    assert_int_equal(pipe(pipe_fds), 0);
    real_stderr = dup(STDERR_FILENO);
    assert_int_equal(dup2(pipe_fds[1], STDERR_FILENO), STDERR_FILENO);
}

static const char *captured(void)
{
    static char text[2 * PIPE_BUF];
    ssize_t length;

    assert_int_equal(dup2(real_stderr, STDERR_FILENO), STDERR_FILENO);
    close(real_stderr);
    close(pipe_fds[1]);
    length = read(pipe_fds[0], text, sizeof text - 1);
    close(pipe_fds[0]);
    assert_in_range(length, 0, PIPE_BUF);
    text[length] = '\0';
    return text;
}

static void a_line_says_when_what_and_who(void **state)
{
    const struct trace trace = {.request_id = "r", .trace_id = "t", .span_id = "s", .parent_id = "p"};
    const struct log log = {.clock = &stopped, .level = LOG_INFO, .worker = "a/7", .trace = &trace};

    (void)state;
    capture();
    LOG_EVENT(&log, LOG_WARN, "happened", LOG_TEXT("what", "a \"b\"\n\xC3\xA4\xFF"), LOG_NUMBER("least", INT64_MIN),
              LOG_NUMBER("most", INT64_MAX), LOG_TEXT("none", NULL));
    assert_string_equal(captured(), "{\"time\":\"2026-01-01T00:04:05.007Z\",\"level\":\"warn\",\"event\":\"happened\","
                                    "\"worker\":\"a/7\",\"request_id\":\"r\",\"trace_id\":\"t\",\"span_id\":\"s\","
                                    "\"parent_id\":\"p\",\"what\":\"a \\\"b\\\"\\u000a\xC3\xA4\xEF\xBF\xBD\","
                                    "\"least\":-9223372036854775808,\"most\":9223372036854775807,\"none\":\"\"}\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
    const struct log log = {.clock = &stopped, .level = LOG_WARN};

    (void)state;
    capture();
    log_event(&log, LOG_INFO, "small", NULL, 0);
    assert_string_equal(captured(), "");
}

/* However long the values are: what has no room is cut at a whole character or left out, and the line still ends. */
static void a_line_never_outgrows_a_pipe(void **state)
{
    const struct log log = {.clock = &stopped, .level = LOG_INFO};
    char lengths[PIPE_BUF];

    (void)state;
    for (size_t length = 0; length < 900; length += 7) {
        const char *line;

        for (size_t i = 0; i < length; i += 2)
            memcpy(lengths + i, "\xC3\xA4", 2);
        lengths[length / 2 * 2] = '\0';
        capture();
        LOG_EVENT(&log, LOG_INFO, "long", LOG_TEXT("a", lengths), LOG_TEXT("b", lengths), LOG_TEXT("c", lengths),
                  LOG_TEXT("d", lengths), LOG_NUMBER("number", 1234567890), LOG_TEXT("e", lengths),
                  LOG_TEXT("f", lengths), LOG_NUMBER("last", 1234567890));
        line = captured();
        if (strcmp(line + strlen(line) - 2, "}\n") != 0 || strchr(line, '\n') != line + strlen(line) - 1 ||
            strstr(line, "\xC3\"") != NULL)
            fail_msg("with values of %zu bytes: %s", length, line);
    }
}

static size_t lines_of(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static void lines_that_are_gathered_are_written_together(void **state)
{
    struct log log = {.clock = &stopped, .level = LOG_INFO};
    struct log_lines lines;

    (void)state;
    log_gather(&log, &lines);
    capture();
    log_event(&log, LOG_INFO, "first", NULL, 0);
    log_event(&log, LOG_INFO, "second", NULL, 0);
    assert_string_equal(captured(), "");
    capture();
    log_flush(&log);
    assert_string_equal(captured(),
                        "{\"time\":\"2026-01-01T00:04:05.007Z\",\"level\":\"info\",\"event\":\"first\"}\n"
                        "{\"time\":\"2026-01-01T00:04:05.007Z\",\"level\":\"info\",\"event\":\"second\"}\n");
    capture();
    log_event(&log, LOG_INFO, "third", NULL, 0);
    assert_int_equal(lines_of(captured()), 1);
}

static void a_warning_waits_for_nothing(void **state)
{
    struct log log = {.clock = &stopped, .level = LOG_INFO};
    struct log_lines lines;
    const char *text;

    (void)state;
    log_gather(&log, &lines);
    log_event(&log, LOG_INFO, "before", NULL, 0);
    capture();
    log_event(&log, LOG_WARN, "bad", NULL, 0);
    text = captured();
    assert_int_equal(lines_of(text), 2);
    assert_true(strstr(text, "before") < strstr(text, "bad"));
    capture();
    log_flush(&log);
    assert_string_equal(captured(), "");
}

/* Each write is of whole lines and fits into a pipe, whatever their lengths. */
static void gathered_lines_never_outgrow_a_pipe(void **state)
{
    struct log log = {.clock = &stopped, .level = LOG_INFO};
    struct log_lines lines;
    size_t written = 0;

    (void)state;
    log_gather(&log, &lines);
    for (int i = 0; i < 200; i++) {
        char value[700];
        const char *text;

        memset(value, 'x', sizeof value);
        value[i * 37 % (int)sizeof value] = '\0';
        value[sizeof value - 1] = '\0';
        capture();
        LOG_EVENT(&log, LOG_INFO, "some", LOG_TEXT("value", value));
        text = captured();
        assert_true(text[0] == '\0' || (text[0] == '{' && strcmp(text + strlen(text) - 2, "}\n") == 0));
        written += lines_of(text);
    }
    capture();
    log_flush(&log);
    assert_int_equal(written + lines_of(captured()), 200);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_line_says_when_what_and_who), PROMISE(what_is_below_the_level_is_not_written),
        PROMISE(a_line_never_outgrows_a_pipe),  PROMISE(lines_that_are_gathered_are_written_together),
        PROMISE(a_warning_waits_for_nothing),   PROMISE(gathered_lines_never_outgrow_a_pipe),
    };

    return KEEP_PROMISES(promises);
}
