/* Which traceparent is taken (W3C Trace Context, section 3.2), and what a trace is called without one. */
#include "base/clock.h"
#include "base/trace.h"

#include "unit.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define REQUEST "500e4ac7370dffd93357ecfffc00f2c4"
#define OTHER_REQUEST "500e4ac7370dffd93357ecfffc00f2c5"

static void a_traceparent_names_the_trace_and_its_sender(void **state)
{
    static const char *const good[] = {
        "00-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-00",
        "00-" TRACE "-" PARENT "-ff",
        /* a later version, also with more behind it */
        "01-" TRACE "-" PARENT "-01",
        "fe-" TRACE "-" PARENT "-01-what-comes",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct trace trace;

        trace_begin(&trace, "a/7", good[i], REQUEST);
        assert_string_equal(trace.trace_id, TRACE);
        assert_string_equal(trace.parent_id, PARENT);
        assert_string_equal(trace.request_id, REQUEST);
    }
}

static void any_other_counts_as_none(void **state)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE "-" PARENT,
        "00-" TRACE "-" PARENT "-",
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-0g",
        "00-" TRACE "-" PARENT "-01-more",
        "00-" TRACE "-" PARENT "-010",
        "01-" TRACE "-" PARENT "-01more",
        "ff-" TRACE "-" PARENT "-01",
        "0-" TRACE "-" PARENT "-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
        "00-" TRACE "-B7AD6B7169203331-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
        " 00-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-01 ",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct trace trace;

        trace_begin(&trace, "a/7", bad[i], REQUEST);
        assert_string_equal(trace.trace_id, REQUEST);
        assert_string_equal(trace.parent_id, "");
    }
}

static void a_request_id_of_another_form_names_no_trace(void **state)
{
    static const char *const others[] = {"",
                                         "a",
                                         "00000000000000000000000000000000",
                                         REQUEST "0",
                                         "500E4AC7370DFFD93357ECFFFC00F2C4",
                                         "500e4ac7370dffd93357ecfffc00f2c-"};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct trace trace;

        trace_begin(&trace, "a/7", "", others[i]);
        assert_string_equal(trace.request_id, others[i]);
        assert_int_equal(strspn(trace.trace_id, "0123456789abcdef"), TRACE_ID_BYTES - 1);
        assert_string_not_equal(trace.trace_id, others[i]);
    }
}

static void a_request_id_that_is_too_long_is_cut(void **state)
{
    struct trace trace;
    char request_id[200];

    (void)state;
    memset(request_id, 'a', sizeof request_id - 1);
    request_id[sizeof request_id - 1] = '\0';
    trace_begin(&trace, "a/7", "", request_id);
    assert_int_equal(strlen(trace.request_id), TRACE_REQUEST_ID_BYTES - 1);
}

static void each_attempt_is_a_span_of_its_own(void **state)
{
    struct trace first, second;

    (void)state;
    trace_begin(&first, "a/7", "", REQUEST);
    trace_begin(&second, "b/7", "", REQUEST);
    assert_int_equal(strlen(first.span_id), TRACE_SPAN_BYTES - 1);
    assert_string_not_equal(first.span_id, second.span_id);
    assert_string_equal(first.trace_id, second.trace_id);
    trace_begin(&second, "a/7", "", OTHER_REQUEST);
    assert_string_not_equal(first.span_id, second.span_id);
    /* Without an id of nginx's the span is by chance. */
    trace_begin(&first, "a/7", "", "");
    trace_begin(&second, "a/7", "", "");
    assert_string_not_equal(first.span_id, second.span_id);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_traceparent_names_the_trace_and_its_sender),
        PROMISE(any_other_counts_as_none),
        PROMISE(a_request_id_of_another_form_names_no_trace),
        PROMISE(a_request_id_that_is_too_long_is_cut),
        PROMISE(each_attempt_is_a_span_of_its_own),
    };

    return !random_start() ? 1 : KEEP_PROMISES(promises);
}
