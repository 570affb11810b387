/* The XML reader: the same elements however the bytes come, and no bytes that do harm. What it refuses is in t/1021. */
#include "object/s3_xml.h"

#include "unit.h"

enum { TOLD_BYTES = 4096 };

struct told {
    char text[TOLD_BYTES];
    const char *refuse; /* a path */
};

static bool tell(void *arg, const char *path, const char *text, struct err *err)
{
    struct told *told = arg;
    size_t length = strlen(told->text);

    if (told->refuse != NULL && strcmp(path, told->refuse) == 0)
        return err_set(err, ERR_BUG, "no %s, please", path);
    if (length + strlen(path) + strlen(text) + 3 < sizeof told->text)
        sprintf(told->text + length, "%s=%s;", path, text);
    return true;
}

/* In pieces of so many bytes. */
static bool read_in(struct unit *unit, struct told *told, const char *bytes, size_t length, size_t piece)
{
    struct s3_xml *xml;
    bool ok;

    told->text[0] = '\0';
    err_clear(&unit->err);
    assert_granted(s3_xml_new(&xml, &unit->arena, tell, told, &unit->err), &unit->err);
    ok = true;
    for (size_t at = 0; ok && at < length; at += piece) {
        size_t part = length - at < piece ? length - at : piece;
        char *exact = unit_exact(bytes + at, part);

        ok = s3_xml_feed(xml, exact, part, &unit->err);
        free(exact);
    }
    ok = ok && s3_xml_end(xml, &unit->err);
    assert_int_equal(ok, unit->err.kind == ERR_NONE);
    arena_reset(&unit->arena);
    return ok;
}

static const char sample[] = " \r\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                             "<List xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><!-- none -->\n"
                             "  <Item a=\"b\"><Key>a &amp; &lt;b&gt; &#228;ä</Key><Empty/><Size>12</Size></Item>\n"
                             "  <Item><Key><![CDATA[<raw>]]></Key></Item>\n</List>\n";
static const char meaning[] = "List/Item/Key=a & <b> ää;List/Item/Empty=;List/Item/Size=12;List/Item=;"
                              "List/Item/Key=<raw>;List/Item=;List=\n;";

static void the_pieces_make_no_difference(void **state)
{
    struct unit *unit = *state;
    struct told told = {.refuse = NULL};

    for (size_t piece = 1; piece <= sizeof sample; piece++) {
        assert_granted(read_in(unit, &told, sample, strlen(sample), piece), &unit->err);
        assert_string_equal(told.text, meaning);
    }
}

static void whoever_listens_may_stop_it(void **state)
{
    struct unit *unit = *state;
    struct told told = {.refuse = "List/Item/Empty"};

    for (size_t piece = 1; piece <= sizeof sample; piece++)
        assert_refused(read_in(unit, &told, sample, strlen(sample), piece), &unit->err, ERR_BUG,
                       "no List/Item/Empty, please");
    assert_string_equal(told.text, "List/Item/Key=a & <b> ää;");
}

static void changed_bytes_do_no_harm(void **state)
{
    struct unit *unit = *state;
    struct told told = {.refuse = NULL};
    char changed[sizeof sample];
    uint64_t seed = 7;
    size_t refused = 0;

    for (int round = 0; round < 5000; round++) {
        memcpy(changed, sample, sizeof changed);
        for (uint32_t changes = 1 + unit_random(&seed) % 4; changes > 0; changes--)
            changed[unit_random(&seed) % strlen(sample)] = (char)unit_random(&seed);
        refused += !read_in(unit, &told, changed, strlen(sample) - unit_random(&seed) % 8, 1 + unit_random(&seed) % 99);
    }
    assert_true(refused > 1000 && refused < 5000);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(the_pieces_make_no_difference),
        PROMISE(whoever_listens_may_stop_it),
        PROMISE(changed_bytes_do_no_harm),
    };

    return KEEP_PROMISES(promises);
}
